// What a person is told about a call that was refused.

import { type ServiceError } from "@grpc/grpc-js";
import protobuf from "protobufjs";

// google.rpc.Status and google.rpc.ErrorInfo, as far as they are read here.
const { root } = protobuf.parse(
  `
  syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
`,
  { keepCase: true },
);
const Status = root.lookupType("Status");
const ErrorInfo = root.lookupType("ErrorInfo");

export interface Refusal {
  sentence: string;
  // What the person quotes to support; none where the service was not reached.
  requestId?: string;
}

export const UNAVAILABLE = "Billing is unavailable right now.";
const BUSY = "Billing is busy right now. Please try again in a moment.";
const NOT_CONFIRMED = "We could not confirm this workspace's billing account. Please contact support.";

// The reasons that a person can do something about; all others are ours to mend, and read as an outage.
const SENTENCES: Record<string, string> = {
  NOT_OWNER: "Only owners of this workspace can manage billing.",
  FEATURE_DISABLED: "Billing has just been switched off for this workspace.",
  NO_BILLING_ACCOUNT: "This workspace has no billing account yet. Please contact support to set one up.",
  TENANT_MISMATCH: "This page shows another workspace than the one you are signed in to. Please reload it.",
  RATE_LIMITED: "You have opened billing many times in a short while. Please wait a minute.",
  STRIPE_RATE_LIMITED: BUSY,
  STRIPE_CONFLICT: BUSY,
  OVERLOADED: BUSY,
  TENANT_PROOF_MISSING: NOT_CONFIRMED,
  BILLING_ACCOUNT_MISSING_AT_STRIPE: NOT_CONFIRMED,
  MAPPING_INTEGRITY: NOT_CONFIRMED,
};

// Reads a status by its ErrorInfo, never by its text. One without ours was not made by the service.
export function refusal(rpc: string, error: ServiceError): Refusal {
  const info = errorInfo(error);
  console.log(JSON.stringify({ rpc, code: error.code, reason: info?.reason, request_id: info?.metadata["request_id"] }));
  if (!info) return { sentence: UNAVAILABLE };
  return { sentence: SENTENCES[info.reason] ?? UNAVAILABLE, requestId: info.metadata["request_id"] };
}

interface Info {
  reason: string;
  domain: string;
  metadata: Record<string, string>;
}

function errorInfo(error: ServiceError): Info | undefined {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  if (!Buffer.isBuffer(bytes)) return undefined;
  try {
    const status = Status.toObject(Status.decode(bytes)) as { details?: { type_url: string; value: Uint8Array }[] };
    const detail = status.details?.find((any) => any.type_url === "type.googleapis.com/google.rpc.ErrorInfo");
    const info = detail && (ErrorInfo.toObject(ErrorInfo.decode(detail.value), { defaults: true, objects: true }) as Info);
    return info?.domain === "billing.portal.v1" ? info : undefined;
  } catch {
    return undefined;
  }
}
