//! Refusals as gRPC statuses: one table from reason to code and text, and the one place that gives a status its final shape.
//!
//! Shapes: `google.rpc.ErrorInfo`, `BadRequest` and `RetryInfo`, see <https://google.aip.dev/193>.

use std::{collections::HashMap, error::Error as _, sync::Arc, time::Duration};

use axum::{body::Body, http::Response};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::portal::{Reason, Refusal};

/// The `domain` of every ErrorInfo.
pub const DOMAIN: &str = "billing.portal.v1";

/// When a caller may try again, where it may and nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The code and the public text of a reason. The text is constant: what differs from call to call goes to the log.
#[must_use]
pub const fn code_and_text(reason: Reason) -> (Code, &'static str) {
    use Reason as R;
    match reason {
        R::TokenMissing => (Code::Unauthenticated, "no principal token"),
        R::TokenInvalid => (Code::Unauthenticated, "the principal token is not acceptable"),
        R::TokenExpired => (Code::Unauthenticated, "the principal token has expired"),
        R::CallerNotAllowed => (Code::PermissionDenied, "the calling workload is not allowed"),
        R::NotOwner => (Code::PermissionDenied, "only the owner of the tenant may do this"),
        R::ReturnUrlNotAllowed => (Code::InvalidArgument, "the return URL is not allowed"),
        R::FlowInvalid => (Code::InvalidArgument, "the flow is not valid"),
        R::LocaleInvalid => (Code::InvalidArgument, "the locale is none of Stripe's"),
        R::DeadlineInvalid => (Code::InvalidArgument, "grpc-timeout is malformed"),
        R::MessageInvalid => (Code::InvalidArgument, "the message does not parse"),
        R::FeatureDisabled => (Code::FailedPrecondition, "the billing portal is switched off"),
        R::NoBillingAccount => (Code::FailedPrecondition, "the tenant has no billing account"),
        R::TenantMismatch => (Code::FailedPrecondition, "the displayed tenant is not the principal's"),
        R::TenantProofMissing => (Code::FailedPrecondition, "the billing account does not name the tenant"),
        R::BillingAccountMissingAtStripe => (Code::FailedPrecondition, "the billing account is missing at Stripe"),
        R::PortalNotConfigured => (Code::FailedPrecondition, "the portal is not configured at Stripe"),
        R::RateLimited => (Code::ResourceExhausted, "too many sessions for this person"),
        R::MessageTooLarge => (Code::ResourceExhausted, "the message is over 16 KiB"),
        R::StripeUnavailable => (Code::Unavailable, "Stripe is unavailable"),
        R::StripeRateLimited => (Code::Unavailable, "Stripe is asked too often"),
        R::StripeConflict => (Code::Unavailable, "Stripe is busy with this billing account"),
        R::DatabaseUnavailable => (Code::Unavailable, "the directory is unavailable"),
        R::KeysUnavailable => (Code::Unavailable, "the token keys are unavailable"),
        R::AuditUnavailable => (Code::Unavailable, "the audit log is unavailable"),
        R::Overloaded => (Code::Unavailable, "too many calls in flight"),
        R::ShuttingDown => (Code::Unavailable, "the service is shutting down"),
        R::DeadlineExceeded => (Code::DeadlineExceeded, "the deadline is exceeded"),
        R::MappingIntegrity => (Code::Internal, "the tenant's billing account can't be trusted"),
        R::StripeResponseRejected => (Code::Internal, "Stripe's answer was rejected"),
        R::StripeCredentials => (Code::Internal, "Stripe refuses the service"),
        R::StripeProtocol => (Code::Internal, "Stripe's answer was not understood"),
        R::Bug => (Code::Internal, "a defect of the service"),
        R::MethodUnknown => (Code::Unimplemented, "no such method"),
        R::EncodingUnsupported => (Code::Unimplemented, "compressed messages are not supported"),
        R::Cancelled => (Code::Cancelled, "the caller gave up"),
    }
}

/// The name of a code as the gRPC specification writes it.
pub(super) const fn code_name(code: Code) -> &'static str {
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

/// The refusal travels as the status's source, up to the boundary, which alone adds the details.
impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let (code, text) = code_and_text(refusal.reason());
        let mut status = Self::new(code, text);
        status.set_source(Arc::new(refusal));
        status
    }
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        let (field, detail) = (refusal.field(), refusal.detail());
        Self { reason: refusal.reason(), field, detail, wait: refusal.retry_delay(), cause: refusal.to_string() }
    }
}

/// A refusal as the response of a layer.
pub(super) fn respond(refusal: Refusal) -> Response<Body> {
    Status::from(refusal).into_http()
}

/// What a response refuses, if it does.
pub(super) struct Refused {
    pub(super) reason: Reason,
    pub(super) field: Option<&'static str>,
    pub(super) detail: Option<&'static str>,
    wait: Option<Duration>,
    /// For the log only.
    pub(super) cause: String,
}

impl Refused {
    /// Reads a response: ours carry their [`Refusal`], those of the libraries underneath are told by their code, and by
    /// whether the caller had given up.
    pub(super) fn of(response: &Response<Body>, gave_up: bool) -> Option<Self> {
        let code = Code::from_bytes(response.headers().get("grpc-status")?.as_bytes());
        if code == Code::Ok {
            return None;
        }
        let status = response.extensions().get::<Status>();
        if let Some(refusal) = status.and_then(|status| status.source()?.downcast_ref::<Refusal>()) {
            return Some(Self::from(refusal));
        }
        let text = status.map_or("", Status::message);
        let reason = match code {
            // Half a message is no mistake of ours.
            _ if gave_up => Reason::Cancelled,
            Code::Unimplemented if text.is_empty() => Reason::MethodUnknown,
            Code::Unimplemented => Reason::EncodingUnsupported,
            Code::OutOfRange | Code::ResourceExhausted => Reason::MessageTooLarge,
            // So tonic calls a message that does not parse, is cut short, missing or compressed without saying so.
            Code::Internal | Code::InvalidArgument => Reason::MessageInvalid,
            Code::Cancelled => Reason::Cancelled,
            Code::Ok
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::Unavailable
            | Code::DataLoss
            | Code::Unauthenticated => Reason::Bug,
        };
        // The library's text may quote the message, so its log line names only what kind of failure it was.
        Some(Self {
            reason,
            field: None,
            detail: None,
            wait: None,
            cause: format!("refused by the gRPC library: {code:?}"),
        })
    }

    /// The status as the caller gets it.
    pub(super) fn into_response(self, request_id: &str) -> Response<Body> {
        let (code, text) = code_and_text(self.reason);
        let metadata = HashMap::from([("request_id".to_owned(), request_id.to_owned())]);
        let mut details = ErrorDetails::with_error_info(self.reason.as_str(), DOMAIN, metadata);
        if let Some(field) = self.field {
            details.add_bad_request_violation(field, text);
        }
        if code == Code::Unavailable || self.wait.is_some() {
            details.set_retry_info(Some(self.wait.unwrap_or(RETRY_AFTER)));
        }
        Status::with_error_details(code, text, details).into_http()
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

    #[test]
    fn the_cause_and_its_sources_never_leave() {
        let refusal = Refusal::because(Reason::NotOwner, "cause").caused_by(std::io::Error::other("source"));
        let response = respond(refusal);
        let refused = Refused::of(&response, false).unwrap();
        assert_eq!(refused.cause, "cause: source");
        let sent = refused.into_response("id");
        assert!(!format!("{:?}", sent.headers()).contains("cause"));
    }
}
