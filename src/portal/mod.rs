//! The domain: who may open which billing portal. It names no gRPC, SQL or Stripe types. The outside world implements its four
//! traits: [`Flag`], [`Directory`], [`AuditLog`] and [`PortalSessions`].
//!
//! Reading order: [`principal`] (who asks), [`return_url`] and [`return_origins`], [`locale`] and [`flow`] (what is requested), [`account`] (the tenant's
//! customer), [`access`] (the predicate), [`session`] (what Stripe returns and what is released), [`open`] (the use cases), [`audit`]
//! (what is recorded), [`refusal`] (every reason to refuse a call).

pub mod access;
pub mod account;
pub mod audit;
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
pub use audit::{AuditEntry, AuditLog, CallAudit, CallIdentity, CallerConnection};
pub use flow::Flow;
pub use locale::Locale;
pub use open::{PortalRequest, PortalSessions, UseCases};
pub use principal::{NotOwner, Owner, Principal, Role, TenantId, UserId};
pub use refusal::{Reason, Recheck, Refusal};
pub use return_origins::ReturnOrigins;
pub use return_url::ReturnUrl;
pub use session::{CheckedSession, RecordedTenant, SessionUrl, VerifiedMapping};
