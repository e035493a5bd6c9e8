//! Every way to say no. A [`Reason`] is the stable name that callers switch on; a [`Refusal`] carries, beside it, the
//! cause for the log, which never leaves the process.

use std::{error::Error, fmt, time::Duration};

/// Declares the reasons once: the variant, its stable name and what it means.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Why a call is refused: the stable name in `google.rpc.ErrorInfo.reason` and in the audit line.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            /// Every reason, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name, in upper snake case.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

reasons! {
    /// No `authorization` header.
    TokenMissing = "TOKEN_MISSING",
    /// The principal token breaks a rule; the log names which.
    TokenInvalid = "TOKEN_INVALID",
    /// The principal token was good once.
    TokenExpired = "TOKEN_EXPIRED",
    /// The calling workload is not the settings backend, or the mesh does not say which it is.
    CallerNotAllowed = "CALLER_NOT_ALLOWED",
    /// The person does not own the tenant: by role, or no longer by the directory.
    NotOwner = "NOT_OWNER",
    /// The return URL breaks a rule, or is not on a configured origin.
    ReturnUrlNotAllowed = "RETURN_URL_NOT_ALLOWED",
    /// The flow is malformed, or Stripe refuses it for this customer.
    FlowInvalid = "FLOW_INVALID",
    /// The locale is none of Stripe's.
    LocaleInvalid = "LOCALE_INVALID",
    /// `grpc-timeout` is malformed or stands twice.
    DeadlineInvalid = "DEADLINE_INVALID",
    /// The message does not parse.
    MessageInvalid = "MESSAGE_INVALID",
    /// The feature flag is off for the tenant.
    FeatureDisabled = "FEATURE_DISABLED",
    /// The tenant has no Stripe customer.
    NoBillingAccount = "NO_BILLING_ACCOUNT",
    /// The page showed another tenant than the principal's.
    TenantMismatch = "TENANT_MISMATCH",
    /// The Stripe customer does not name a tenant.
    TenantProofMissing = "TENANT_PROOF_MISSING",
    /// The Stripe customer is deleted or unknown.
    BillingAccountMissingAtStripe = "BILLING_ACCOUNT_MISSING_AT_STRIPE",
    /// Stripe has no usable portal configuration.
    PortalNotConfigured = "PORTAL_NOT_CONFIGURED",
    /// The person has asked for too many sessions in a minute.
    RateLimited = "RATE_LIMITED",
    /// The message is over 16 KiB.
    MessageTooLarge = "MESSAGE_TOO_LARGE",
    /// Stripe is down, unreachable or too slow.
    StripeUnavailable = "STRIPE_UNAVAILABLE",
    /// Stripe throttles us.
    StripeRateLimited = "STRIPE_RATE_LIMITED",
    /// Stripe is busy with the same object.
    StripeConflict = "STRIPE_CONFLICT",
    /// The directory gives no answer.
    DatabaseUnavailable = "DATABASE_UNAVAILABLE",
    /// The keys that verify tokens could not be read for too long.
    KeysUnavailable = "KEYS_UNAVAILABLE",
    /// An audit line can't be written, so nothing is opened.
    AuditUnavailable = "AUDIT_UNAVAILABLE",
    /// As many calls are in flight as are allowed.
    Overloaded = "OVERLOADED",
    /// The process is draining.
    ShuttingDown = "SHUTTING_DOWN",
    /// The time of the call is gone.
    DeadlineExceeded = "DEADLINE_EXCEEDED",
    /// The directory, or the directory and Stripe, contradict each other about the tenant's customer.
    MappingIntegrity = "MAPPING_INTEGRITY",
    /// Stripe's answer is well formed but answers another question.
    StripeResponseRejected = "STRIPE_RESPONSE_REJECTED",
    /// Stripe refuses our key, or it is of the other mode.
    StripeCredentials = "STRIPE_CREDENTIALS",
    /// What came back is no answer of Stripe's API.
    StripeProtocol = "STRIPE_PROTOCOL",
    /// A defect of this service.
    Bug = "BUG",
    /// No such method.
    MethodUnknown = "METHOD_UNKNOWN",
    /// The message is compressed.
    EncodingUnsupported = "ENCODING_UNSUPPORTED",
    /// The caller gave up before the answer; stands in the audit line only, for nobody is left to be told.
    Cancelled = "CANCELLED",
}

/// A no, with all that the boundary needs to tell the caller, the log and the audit line apart.
#[derive(Debug)]
pub struct Refusal {
    reason: Reason,
    /// For the log only; constant texts and our own values, never a caller's or Stripe's.
    cause: String,
    /// The field of the request that breaks a rule, as `google.rpc.BadRequest` names it.
    field: Option<&'static str>,
    /// Which integrity failure, for the audit line.
    detail: Option<&'static str>,
    /// When the caller may try again, where that is known.
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Refusal {
    /// A refusal with its cause in words. The cause must not hold a secret, an e-mail address or a foreign text.
    #[must_use]
    pub fn because(reason: Reason, cause: impl Into<String>) -> Self {
        Self { reason, cause: cause.into(), field: None, detail: None, retry_after: None, source: None }
    }

    /// Names the field of the request that breaks a rule, such as `subscription_cancel.subscription_id`.
    #[must_use]
    pub fn at(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }

    /// Names the integrity failure in the audit line.
    #[must_use]
    pub fn with_detail(mut self, detail: &'static str) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Says when the caller may try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Keeps the error underneath, for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The stable name.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The field of the request that breaks a rule.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        self.field
    }

    /// When the caller may try again, where that is known.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Which integrity failure it was.
    #[must_use]
    pub fn detail(&self) -> Option<&'static str> {
        self.detail
    }
}

/// The cause with all the errors underneath, for the log line: never sent to a caller.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)?;
        let mut source = self.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|error| error as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_name_of_its_own_in_upper_snake_case() {
        let mut names: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Reason::ALL.len());
    }
}
