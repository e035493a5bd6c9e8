// The sentences that the page shows for a failed call.

import { type ServiceError } from "@grpc/grpc-js";
import protobuf from "protobufjs";

// The parts of google.rpc.Status and google.rpc.ErrorInfo that are read here.
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
  // The reference that the person quotes to support; missing if the status does not come from the service.
  requestId?: string;
}

const UNAVAILABLE = "Billing is unavailable right now. Please try again in a few minutes.";
const BUSY = "Billing is busy right now. Please try again in a moment.";
const NOT_VERIFIED = "We could not verify your workspace's billing account. Please contact support.";

// The reasons that have their own sentence. The person cannot do anything about the others, so the page reports an
// outage.
const SENTENCES: Record<string, string> = {
  NOT_OWNER: "Only owners of this workspace can manage billing. Please ask an owner.",
  FEATURE_DISABLED:
    "Billing is not available for this workspace right now. Please contact support if you need it.",
  NO_BILLING_ACCOUNT: "Your workspace does not have a billing account yet. Please contact support to set one up.",
  TENANT_MISMATCH: "You are now in a different workspace, so billing was not opened. Please try again.",
  RATE_LIMITED: "You have opened billing many times in a short time. Please wait a minute and try again.",
  STRIPE_RATE_LIMITED: BUSY,
  STRIPE_CONFLICT: BUSY,
  OVERLOADED: BUSY,
  TENANT_PROOF_MISSING: NOT_VERIFIED,
  BILLING_ACCOUNT_MISSING_AT_STRIPE: NOT_VERIFIED,
  MAPPING_INTEGRITY: NOT_VERIFIED,
};

// Returns the sentence for a reason, in place of the button and after a click.
export function sentence(reason = ""): string {
  return SENTENCES[reason] ?? UNAVAILABLE;
}

// Logs a failed call and returns what to show. The ErrorInfo decides, never the status text. A status without the
// service's ErrorInfo does not come from the service.
export function refusal(rpc: string, error: ServiceError): Refusal {
  const info = errorInfo(error);
  console.log(JSON.stringify({ rpc, code: error.code, reason: info?.reason, request_id: info?.metadata["request_id"] }));
  return { sentence: sentence(info?.reason), requestId: info?.metadata["request_id"] };
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
