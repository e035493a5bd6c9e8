// Opens the billing portal once, with a client that was generated from the descriptor set.

import { durationMs } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

import { BillingPortal } from "../gen/billing/portal/v1/billing_portal_pb.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.js";

// The mesh encrypts and identifies the caller, so the connection itself is plain text.
const portal = createClient(BillingPortal, createGrpcTransport({ baseUrl: `http://${process.env.SERVICE}` }));
const headers = { authorization: `Bearer ${process.env.PRINCIPAL_TOKEN}` };
const request = { returnUrl: process.env.RETURN_URL };

try {
  const { url } = await portal.createPortalSession(request, { headers, timeoutMs: 12_000 });
  // The URL grants access to anyone who has it, so only its origin is printed.
  console.log("opened:", new URL(url).origin);
} catch (thrown) {
  const error = ConnectError.from(thrown);
  const [info] = error.findDetails(ErrorInfoSchema);
  const [invalid] = error.findDetails(BadRequestSchema);
  const [retry] = error.findDetails(RetryInfoSchema);
  if (info) console.log("refused:", info.domain, info.reason, info.metadata["request_id"]);
  if (invalid) console.log("field:", invalid.fieldViolations[0]?.field, invalid.fieldViolations[0]?.description);
  if (retry?.retryDelay) console.log("retry after:", durationMs(retry.retryDelay) / 1000, "s");
  console.error(error.message);
  process.exitCode = 1;
}
