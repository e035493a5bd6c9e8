// Opens the billing portal once, with a client that was generated from the descriptor set.

import { readFileSync } from "node:fs";

import { durationMs } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

import { BillingPortal } from "../gen/billing/portal/v1/billing_portal_pb.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.js";

// With a mesh, the connection is plain text: the mesh encrypts, and identifies this workload. Without a mesh, the
// certificate of this workload does.
const { SERVICE, SERVICE_CERTIFICATE_FILE, SERVICE_PRIVATE_KEY_FILE, SERVICE_CA_FILE } = process.env;
const files = [SERVICE_CERTIFICATE_FILE, SERVICE_PRIVATE_KEY_FILE, SERVICE_CA_FILE];
const plainText = files.every((file) => file === undefined);
const [cert, key, ca] = plainText ? [] : files.map((file) => readFileSync(file ?? ""));
const transport = createGrpcTransport(
  plainText ? { baseUrl: `http://${SERVICE}` } : { baseUrl: `https://${SERVICE}`, nodeOptions: { cert, key, ca } },
);
const portal = createClient(BillingPortal, transport);
const headers = { authorization: `Bearer ${process.env.PRINCIPAL_TOKEN}` };
// With COMPLETED_URL, the page for one task, which has a URL of its own to return to when the task is done.
const { RETURN_URL: returnUrl, COMPLETED_URL: completedUrl } = process.env;
const request = completedUrl
  ? { flow: { case: "paymentMethodUpdate" as const, value: {} }, returnUrl, completedUrl }
  : { returnUrl };

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
