//! Refusals. A [`Reason`] is the stable name that callers switch on. A [`Refusal`] is a reason with its cause, which is for the
//! log and is never sent to a caller.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use crate::portal::account::Integrity;

/// Declares each reason once: its meaning, its variant, its stable name, and whether checking the same mapping again can help.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $recheck:ident;)*) => {
        /// Why a call is refused: the stable name in `google.rpc.ErrorInfo.reason` and in the audit entry.
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

            /// Whether checking the same mapping at Stripe again can have a different result.
            #[must_use]
            pub const fn recheck(self) -> Recheck {
                match self { $(Self::$variant => Recheck::$recheck,)* }
            }
        }
    };
}

/// Whether checking the same mapping at Stripe again can have a different result; for commands that check many tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recheck {
    /// The result is the same until the data in the directory or at Stripe changes.
    SameUntilDataChanges,
    /// Stripe refuses every check until the service's key changes.
    RefusedUntilKeyChanges,
    /// A later check may pass: Stripe was unavailable, busy or too slow.
    MayPass,
    /// The reason does not say whether a later check can pass, or no check of a mapping is refused with it.
    Unknown,
}

reasons! {
    /// No `authorization` header.
    TokenMissing = "TOKEN_MISSING", Unknown;
    /// The principal token breaks a rule; the log says which.
    TokenInvalid = "TOKEN_INVALID", Unknown;
    /// The principal token has expired.
    TokenExpired = "TOKEN_EXPIRED", Unknown;
    /// The calling workload is not in the list of allowed callers, or the mesh does not identify it.
    CallerNotAllowed = "CALLER_NOT_ALLOWED", Unknown;
    /// No role in the token is an owner role, or the person is not a current owner in the directory.
    NotOwner = "NOT_OWNER", Unknown;
    /// The return URL breaks a rule, has an origin that is not configured, or is refused by Stripe.
    ReturnUrlNotAllowed = "RETURN_URL_NOT_ALLOWED", Unknown;
    /// The flow is malformed, or Stripe refuses it for this customer.
    FlowInvalid = "FLOW_INVALID", Unknown;
    /// The locale is not a well-formed language tag, or Stripe refuses it.
    LocaleInvalid = "LOCALE_INVALID", Unknown;
    /// `grpc-timeout` is malformed or duplicate.
    DeadlineInvalid = "DEADLINE_INVALID", Unknown;
    /// The message cannot be parsed, or is not the only one.
    MessageInvalid = "MESSAGE_INVALID", Unknown;
    /// The feature flag is off for the tenant.
    FeatureDisabled = "FEATURE_DISABLED", Unknown;
    /// The tenant has no Stripe customer.
    NoBillingAccount = "NO_BILLING_ACCOUNT", Unknown;
    /// The page displayed a tenant that is not the principal's tenant.
    TenantMismatch = "TENANT_MISMATCH", Unknown;
    /// The Stripe customer does not name a tenant.
    TenantProofMissing = "TENANT_PROOF_MISSING", SameUntilDataChanges;
    /// The Stripe customer is deleted or unknown.
    BillingAccountMissingAtStripe = "BILLING_ACCOUNT_MISSING_AT_STRIPE", SameUntilDataChanges;
    /// Stripe has no portal configuration that can be used.
    PortalNotConfigured = "PORTAL_NOT_CONFIGURED", Unknown;
    /// The person requested too many sessions within a minute.
    RateLimited = "RATE_LIMITED", Unknown;
    /// The message is larger than 16 KiB.
    MessageTooLarge = "MESSAGE_TOO_LARGE", Unknown;
    /// Stripe is down, unreachable or too slow.
    StripeUnavailable = "STRIPE_UNAVAILABLE", MayPass;
    /// Stripe's rate limit, or the service's own limit on requests to Stripe, was reached.
    StripeRateLimited = "STRIPE_RATE_LIMITED", MayPass;
    /// Stripe is busy with the same object.
    StripeConflict = "STRIPE_CONFLICT", MayPass;
    /// The directory query failed.
    DatabaseUnavailable = "DATABASE_UNAVAILABLE", Unknown;
    /// The key set that verifies tokens could not be read for longer than it may be used.
    KeysUnavailable = "KEYS_UNAVAILABLE", Unknown;
    /// An audit entry cannot be written, so no URL is released.
    AuditUnavailable = "AUDIT_UNAVAILABLE", Unknown;
    /// The maximum number of calls is in flight, in total or for this person.
    Overloaded = "OVERLOADED", Unknown;
    /// The process is shutting down.
    ShuttingDown = "SHUTTING_DOWN", Unknown;
    /// The call's deadline was exceeded, or its message was not complete in time.
    DeadlineExceeded = "DEADLINE_EXCEEDED", MayPass;
    /// The directory contradicts itself, or the directory and Stripe contradict each other, about the tenant's customer.
    MappingIntegrity = "MAPPING_INTEGRITY", SameUntilDataChanges;
    /// Stripe's response is well formed, but does not match the request.
    StripeResponseRejected = "STRIPE_RESPONSE_REJECTED", Unknown;
    /// Stripe refuses the service's key, or the key is for the other mode (test or live).
    StripeCredentials = "STRIPE_CREDENTIALS", RefusedUntilKeyChanges;
    /// Stripe's response is not a valid response of its API.
    StripeProtocol = "STRIPE_PROTOCOL", Unknown;
    /// A defect of this service.
    Bug = "BUG", Unknown;
    /// The method does not exist.
    MethodUnknown = "METHOD_UNKNOWN", Unknown;
    /// The message is compressed.
    EncodingUnsupported = "ENCODING_UNSUPPORTED", Unknown;
    /// The caller disconnected before the response. Appears only in the audit, the log and the metrics: nobody is left to receive
    /// a status.
    Cancelled = "CANCELLED", Unknown;
}

/// Why a call is refused, with everything that the status, the log line and the audit entry need.
#[derive(Clone, Debug)]
pub struct Refusal {
    reason: Reason,
    /// For the log only: constant texts and the service's own values, never text from a caller or from Stripe.
    cause: String,
    /// The field of the request that breaks a rule, and the rule, as sent in `google.rpc.BadRequest`.
    violation: Option<(&'static str, &'static str)>,
    /// The integrity failure, for the audit entry and the metrics.
    integrity: Option<Integrity>,
    /// How long the caller should wait before a retry, if known.
    retry_after: Option<Duration>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Refusal {
    /// Creates a refusal with its cause. The cause must not contain a secret, an email address, or text from outside the service.
    #[must_use]
    pub fn because(reason: Reason, cause: impl Into<String>) -> Self {
        Self { reason, cause: cause.into(), violation: None, integrity: None, retry_after: None, source: None }
    }

    /// Creates a refusal because of a field of the request, such as `subscription_cancel.subscription_id`. The rule that it breaks
    /// continues a sentence that begins with the field: `must be at least 1`.
    #[must_use]
    pub fn of_field(reason: Reason, field: &'static str, rule: &'static str) -> Self {
        Self::because(reason, format!("{field} {rule}")).at(field, rule)
    }

    /// Sets the field of the request that breaks a rule, and the rule. Both are constant, because they are sent: a value of the
    /// request never appears in them.
    #[must_use]
    pub fn at(mut self, field: &'static str, rule: &'static str) -> Self {
        self.violation = Some((field, rule));
        self
    }

    /// Sets the integrity failure, for the audit entry and the metrics.
    #[must_use]
    pub fn with_integrity(mut self, integrity: Integrity) -> Self {
        self.integrity = Some(integrity);
        self
    }

    /// Sets how long the caller should wait before a retry.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Sets the underlying error, for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    /// The stable name.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The field of the request that breaks a rule, and the rule.
    #[must_use]
    pub fn violation(&self) -> Option<(&'static str, &'static str)> {
        self.violation
    }

    /// How long the caller should wait before a retry, if known.
    #[must_use]
    pub fn retry_delay(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The integrity failure, if the mapping is broken.
    #[must_use]
    pub fn integrity(&self) -> Option<Integrity> {
        self.integrity
    }
}

/// The cause followed by the chain of underlying errors, for the log; never sent to a caller.
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
    fn reasons_have_distinct_names_in_upper_snake_case() {
        let mut names: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Reason::ALL.len());
    }
}
