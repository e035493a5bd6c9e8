//! The domain: who may open which billing portal. It does not use gRPC, SQL or Stripe types. It reaches everything outside
//! through four traits, which the adapters implement: [`Flag`], [`Directory`], [`AuditLog`] and [`PortalSessions`].
//!
//! Reading order:
//!
//! 1. [`principal`]: the authenticated person.
//! 2. [`return_url`], [`return_origins`], [`locale`] and [`flow`]: the contents of a request.
//! 3. [`account`]: the tenant's Stripe customer.
//! 4. [`access`]: the decision whether a person may open the portal.
//! 5. [`session`]: the checked session, and the release of its URL.
//! 6. [`open`]: the use cases.
//! 7. [`audit`]: the audit entries of a call.
//! 8. [`caller`]: whether the caller is still connected.
//! 9. [`refusal`]: every reason to refuse a call.
//! 10. [`fault`]: whose fault a refusal is.

pub mod access;
pub mod account;
pub mod audit;
pub mod caller;
pub mod fault;
pub mod flow;
pub mod locale;
pub mod open;
pub mod principal;
pub mod refusal;
pub mod return_origins;
pub mod return_url;
pub mod session;

pub use access::{Decision, Directory, DirectoryEntry, Flag, Visibility};
pub use account::{CustomerId, Integrity, Mapping};
pub use audit::{AuditEntry, AuditLog, CallAudit, CallIdentity};
pub use caller::CallerConnection;
pub use fault::Fault;
pub use flow::Flow;
pub use locale::Locale;
pub use open::{PortalRequest, PortalSessions, UseCases};
pub use principal::{NotOwner, Owner, OwnerRoles, Principal, Role, TenantId, UserId};
pub use refusal::{Reason, Recheck, Refusal};
pub use return_origins::ReturnOrigins;
pub use return_url::ReturnUrl;
pub use session::{CheckedSession, RecordedTenant, SessionUrl, VerifiedMapping};

#[cfg(test)]
mod fuzz;
