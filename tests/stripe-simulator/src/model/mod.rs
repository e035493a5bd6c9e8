//! The objects of an account.

mod checkout_session;
mod configuration;
mod customer;
mod event;
mod mode;
mod subscription;

pub use checkout_session::CheckoutSession;
pub(crate) use configuration::Added;
pub use configuration::{Configuration, Feature};
pub use customer::Customer;
pub(crate) use event::{Cause, Event};
pub use mode::Mode;
pub(crate) use subscription::Item;
pub use subscription::Subscription;

use crate::flows::FlowData;

/// A portal session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) customer: String,
    pub(crate) mode: Mode,
    pub(crate) return_url: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) flow: Option<FlowData>,
}
