//! Whose fault a refusal is. The [service-level objectives](../../docs/operate.md) count those of the service.

use crate::portal::refusal::Reason;

/// Whose fault it is that a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody's: the refusal is the right answer to this request, this token or this data.
    None,
    /// That of the service, or of anything that it needs and its operator provides: the database, the keys, the disk, the settings.
    Service,
    /// That of Stripe, or of the way there.
    Stripe,
}

impl Fault {
    /// The name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Service => "service",
            Self::Stripe => "stripe",
        }
    }
}

impl Reason {
    /// Whose fault a refusal with this reason is. `None` means that of the one that took most of the time of the call.
    #[must_use]
    pub const fn fault(self) -> Option<Fault> {
        match self {
            Self::TokenMissing
            | Self::TokenInvalid
            | Self::TokenExpired
            | Self::CallerNotAllowed
            | Self::NotOwner
            | Self::ReturnUrlNotAllowed
            | Self::FlowInvalid
            | Self::LocaleInvalid
            | Self::DeadlineInvalid
            | Self::MessageInvalid
            | Self::FeatureDisabled
            | Self::NoBillingAccount
            | Self::TenantMismatch
            | Self::TenantProofMissing
            | Self::BillingAccountMissingAtStripe
            | Self::RateLimited
            | Self::MessageTooLarge
            | Self::MappingIntegrity
            | Self::MethodUnknown
            | Self::EncodingUnsupported => Some(Fault::None),
            Self::PortalNotConfigured
            | Self::DatabaseUnavailable
            | Self::KeysUnavailable
            | Self::AuditUnavailable
            | Self::Overloaded
            | Self::ShuttingDown
            | Self::StripeCredentials
            | Self::Bug => Some(Fault::Service),
            Self::StripeUnavailable
            | Self::StripeRateLimited
            | Self::StripeConflict
            | Self::StripeResponseRejected
            | Self::StripeProtocol => Some(Fault::Stripe),
            Self::DeadlineExceeded | Self::Cancelled => None,
        }
    }
}
