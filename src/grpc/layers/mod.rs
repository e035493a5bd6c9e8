//! The layers around the two services, one concern per file. `wiring/stacks.rs` assembles them.
//!
//! Outermost first: [`not_grpc`], [`detach`], [`call_id`], [`final_status`], [`log`], [`metrics`], [`audit`] (BillingPortal
//! only), [`mod@panic`], [`load_shed`], [`deadline`], then [`caller`](crate::grpc::caller), the interceptor of
//! [`auth`](crate::grpc::auth), [`person_limit`] and [`message`], around the
//! service in [`generated`]. [`session_rate`] is not a layer: the handler calls it after it has
//! parsed the message. [`anonymous`] is the only layer around health and reflection.

pub mod anonymous;
pub mod audit;
pub mod call_id;
pub mod deadline;
pub mod detach;
pub mod final_status;
pub mod generated;
pub mod load_shed;
pub mod log;
pub mod message;
pub mod metrics;
pub mod not_grpc;
pub mod panic;
pub mod person_limit;
pub mod session_rate;
pub mod stack;
mod trace;
