//! The domain: who may open which billing portal. It names no gRPC, no SQL and no Stripe client; the world outside
//! reaches it through four seams of one method each: [`Flag`], [`Directory`], [`AuditLog`] and [`PortalSessions`].
//!
//! Read in this order: [`principal`] (who asks), [`return_url`], [`locale`] and [`flow`] (what for), [`account`] (whose
//! customer), [`access`] (the one predicate), [`session`] (what Stripe answers, and what may leave), [`open`] (the use
//! case), [`audit`] (what is left behind), [`refusal`] (every way to say no).

pub mod access;
pub mod account;
pub mod audit;
pub mod flow;
pub mod locale;
pub mod open;
pub mod principal;
pub mod refusal;
pub mod return_url;
pub mod session;

pub use access::{Directory, DirectoryEntry, Flag, Visibility};
pub use account::{CustomerId, Integrity, Mapping};
pub use audit::{AuditEntry, AuditLog, CallAudit};
pub use flow::Flow;
pub use locale::Locale;
pub use open::{PortalSessions, UseCases};
pub use principal::{Owner, Principal, Role, TenantId, UserId};
pub use refusal::{Reason, Refusal};
pub use return_url::{ReturnOrigins, ReturnUrl};
pub use session::{RecordedTenant, Session, SessionUrl};
