//! The table of refusals: code, public text, and who has to act.

use tonic::Code;

use crate::portal::Reason;

/// Returns the code and the public text of a reason. The text is constant: everything that differs between calls is logged.
#[must_use]
pub const fn code_and_text(reason: Reason) -> (Code, &'static str) {
    use Reason as R;
    match reason {
        R::TokenMissing => (Code::Unauthenticated, "principal token is missing"),
        R::TokenInvalid => (Code::Unauthenticated, "principal token is invalid"),
        R::TokenExpired => (Code::Unauthenticated, "principal token has expired"),
        R::CallerNotAllowed => (Code::PermissionDenied, "calling workload is not allowed"),
        R::NotOwner => (Code::PermissionDenied, "only an owner of the tenant may do this"),
        R::ReturnUrlNotAllowed => (Code::InvalidArgument, "return URL is not allowed"),
        R::FlowInvalid => (Code::InvalidArgument, "flow is invalid"),
        R::LocaleInvalid => (Code::InvalidArgument, "locale is not a well-formed language tag"),
        R::DeadlineInvalid => (Code::InvalidArgument, "grpc-timeout is malformed"),
        R::MessageInvalid => (Code::InvalidArgument, "message cannot be parsed"),
        R::FeatureDisabled => (Code::FailedPrecondition, "billing portal is switched off"),
        R::NoBillingAccount => (Code::FailedPrecondition, "tenant has no billing account"),
        R::TenantMismatch => (Code::FailedPrecondition, "displayed tenant is not the principal's"),
        R::TenantProofMissing => (Code::FailedPrecondition, "billing account does not name its tenant"),
        R::BillingAccountMissingAtStripe => (Code::FailedPrecondition, "billing account does not exist at Stripe"),
        R::PortalNotConfigured => (Code::FailedPrecondition, "portal is not configured at Stripe"),
        R::RateLimited => (Code::ResourceExhausted, "too many sessions for this person"),
        R::MessageTooLarge => (Code::ResourceExhausted, "message is larger than 16 KiB"),
        R::StripeUnavailable => (Code::Unavailable, "Stripe is unavailable"),
        R::StripeRateLimited => (Code::Unavailable, "rate limit for Stripe is reached"),
        R::StripeConflict => (Code::Unavailable, "Stripe is busy with this billing account"),
        R::DatabaseUnavailable => (Code::Unavailable, "directory is unavailable"),
        R::KeysUnavailable => (Code::Unavailable, "keys for principal tokens are unavailable"),
        R::AuditUnavailable => (Code::Unavailable, "audit log is unavailable"),
        R::Overloaded => (Code::Unavailable, "too many calls in flight"),
        R::ShuttingDown => (Code::Unavailable, "service is shutting down"),
        R::DeadlineExceeded => (Code::DeadlineExceeded, "deadline exceeded"),
        R::MappingIntegrity => (Code::Internal, "billing account of the tenant cannot be trusted"),
        R::StripeResponseRejected => (Code::Internal, "Stripe's response was rejected"),
        R::StripeCredentials => (Code::Internal, "Stripe refuses the service's credentials"),
        R::StripeProtocol => (Code::Internal, "Stripe's response was not understood"),
        R::Bug => (Code::Internal, "defect in the service"),
        R::MethodUnknown => (Code::Unimplemented, "unknown method"),
        R::EncodingUnsupported => (Code::Unimplemented, "compressed messages are not supported"),
        R::Cancelled => (Code::Cancelled, "caller disconnected"),
    }
}

/// Who has to act on a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::grpc) enum Severity {
    /// Nobody.
    Info,
    /// An operator, soon.
    Warning,
    /// An operator, now.
    Error,
}

/// Returns who has to act on a refusal with this code.
pub(in crate::grpc) const fn severity(code: Code) -> Severity {
    match code {
        Code::Internal => Severity::Error,
        Code::Unavailable => Severity::Warning,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::DataLoss
        | Code::Unauthenticated => Severity::Info,
    }
}

/// Returns the name of a code as the gRPC specification writes it.
pub(in crate::grpc) const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract's table, by code.
    const DOCUMENTED: &[(Code, &[&str])] = &[
        (Code::Unauthenticated, &["TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED"]),
        (Code::PermissionDenied, &["CALLER_NOT_ALLOWED", "NOT_OWNER"]),
        (
            Code::InvalidArgument,
            &["RETURN_URL_NOT_ALLOWED", "FLOW_INVALID", "LOCALE_INVALID", "DEADLINE_INVALID", "MESSAGE_INVALID"],
        ),
        (
            Code::FailedPrecondition,
            &[
                "FEATURE_DISABLED",
                "NO_BILLING_ACCOUNT",
                "TENANT_MISMATCH",
                "TENANT_PROOF_MISSING",
                "BILLING_ACCOUNT_MISSING_AT_STRIPE",
                "PORTAL_NOT_CONFIGURED",
            ],
        ),
        (Code::ResourceExhausted, &["RATE_LIMITED", "MESSAGE_TOO_LARGE"]),
        (
            Code::Unavailable,
            &[
                "STRIPE_UNAVAILABLE",
                "STRIPE_RATE_LIMITED",
                "STRIPE_CONFLICT",
                "DATABASE_UNAVAILABLE",
                "KEYS_UNAVAILABLE",
                "AUDIT_UNAVAILABLE",
                "OVERLOADED",
                "SHUTTING_DOWN",
            ],
        ),
        (Code::DeadlineExceeded, &["DEADLINE_EXCEEDED"]),
        (
            Code::Internal,
            &["MAPPING_INTEGRITY", "STRIPE_RESPONSE_REJECTED", "STRIPE_CREDENTIALS", "STRIPE_PROTOCOL", "BUG"],
        ),
        (Code::Unimplemented, &["METHOD_UNKNOWN", "ENCODING_UNSUPPORTED"]),
        (Code::Cancelled, &["CANCELLED"]),
    ];

    #[test]
    fn every_reason_has_its_documented_code() {
        let documented: usize = DOCUMENTED.iter().map(|(_, names)| names.len()).sum();
        assert_eq!(documented, Reason::ALL.len());
        for reason in Reason::ALL {
            let (code, _) = code_and_text(*reason);
            let names = DOCUMENTED.iter().find(|(documented, _)| *documented == code).map(|(_, names)| *names);
            assert!(names.is_some_and(|names| names.contains(&reason.as_str())), "{reason:?}");
        }
    }
}
