// What a failed call means: for the log of this backend, and for the person.

import { type ServiceError } from "@grpc/grpc-js";
import protobuf from "protobufjs";

// The parts of google.rpc.Status and its details that are read here.
const { root } = protobuf.parse(
  `
  syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message FieldViolation { string field = 1; string description = 2; }
  message BadRequest { repeated FieldViolation field_violations = 1; }
`,
  { keepCase: true },
);

interface ErrorInfo {
  reason: string;
  domain: string;
  metadata: Record<string, string>;
}

interface BadRequest {
  field_violations: { field: string; description: string }[];
}

export interface Refusal {
  sentence: string;
  // The reference that the person quotes to support; missing if the status does not come from the service.
  requestId?: string;
}

// Also shown for every status that does not come from the service.
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
  const found = detail<ErrorInfo>(error, "ErrorInfo");
  const info = found?.domain === "billing.portal.v1" ? found : undefined;
  // A BadRequest names the fields of the message that break a rule, and the rule.
  const violations = detail<BadRequest>(error, "BadRequest")?.field_violations ?? [];
  const fields = violations.map(({ field, description }) => `${field}: ${description}`);
  const { code, details: message } = error;
  const requestId = info?.metadata["request_id"];
  console.log(JSON.stringify({ rpc, code, message, reason: info?.reason, request_id: requestId, fields }));
  return { sentence: sentence(info?.reason), requestId };
}

function detail<T>(error: ServiceError, name: string): T | undefined {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  if (!Buffer.isBuffer(bytes)) return undefined;
  try {
    const status = decode<{ details: { type_url: string; value: Uint8Array }[] }>("Status", bytes);
    const any = status.details.find((any) => any.type_url === `type.googleapis.com/google.rpc.${name}`);
    return any && decode<T>(name, any.value);
  } catch {
    return undefined;
  }
}

function decode<T>(name: string, bytes: Uint8Array): T {
  const type = root.lookupType(name);
  return type.toObject(type.decode(bytes), { defaults: true, arrays: true, objects: true }) as T;
}
