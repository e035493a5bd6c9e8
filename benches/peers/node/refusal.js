// Refusals, and the gRPC statuses with the details that callers read.

import grpc from "@grpc/grpc-js";
import protobuf from "protobufjs";

const { status } = grpc;

export const CODES = {
  TOKEN_MISSING: status.UNAUTHENTICATED,
  TOKEN_INVALID: status.UNAUTHENTICATED,
  TOKEN_EXPIRED: status.UNAUTHENTICATED,
  NOT_OWNER: status.PERMISSION_DENIED,
  RETURN_URL_NOT_ALLOWED: status.INVALID_ARGUMENT,
  FLOW_INVALID: status.INVALID_ARGUMENT,
  LOCALE_INVALID: status.INVALID_ARGUMENT,
  FEATURE_DISABLED: status.FAILED_PRECONDITION,
  NO_BILLING_ACCOUNT: status.FAILED_PRECONDITION,
  TENANT_MISMATCH: status.FAILED_PRECONDITION,
  TENANT_PROOF_MISSING: status.FAILED_PRECONDITION,
  BILLING_ACCOUNT_MISSING_AT_STRIPE: status.FAILED_PRECONDITION,
  PORTAL_NOT_CONFIGURED: status.FAILED_PRECONDITION,
  STRIPE_UNAVAILABLE: status.UNAVAILABLE,
  STRIPE_RATE_LIMITED: status.UNAVAILABLE,
  STRIPE_CONFLICT: status.UNAVAILABLE,
  DATABASE_UNAVAILABLE: status.UNAVAILABLE,
  AUDIT_UNAVAILABLE: status.UNAVAILABLE,
  MAPPING_INTEGRITY: status.INTERNAL,
  STRIPE_RESPONSE_REJECTED: status.INTERNAL,
  STRIPE_CREDENTIALS: status.INTERNAL,
  STRIPE_PROTOCOL: status.INTERNAL,
  BUG: status.INTERNAL,
};

// The cause is logged, and never sent.
export class Refusal extends Error {
  constructor(reason, cause, field) {
    super(reason, { cause });
    this.reason = reason;
    this.field = field;
  }
}

// The parts of google.rpc that are sent.
const { root } = protobuf.parse(
  `
  syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message FieldViolation { string field = 1; string description = 2; }
  message BadRequest { repeated FieldViolation field_violations = 1; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
`,
  { keepCase: true },
);
const [Status, ErrorInfo, BadRequest, RetryInfo] =
  ["Status", "ErrorInfo", "BadRequest", "RetryInfo"].map((name) => root.lookupType(name));

const detail = (type, value) =>
  ({ type_url: `type.googleapis.com/google.rpc.${type.name}`, value: type.encode(value).finish() });

export function statusOf({ reason, field }, requestId) {
  const code = CODES[reason];
  const details = [
    detail(ErrorInfo, { reason, domain: "billing.portal.v1", metadata: { request_id: requestId } }),
  ];
  if (field) details.push(detail(BadRequest, { field_violations: [{ field, description: "is not allowed" }] }));
  if (code === status.UNAVAILABLE) details.push(detail(RetryInfo, { retry_delay: { seconds: 1 } }));
  const metadata = new grpc.Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(Status.encode({ code, message: reason, details }).finish()));
  return { code, details: reason, metadata };
}
