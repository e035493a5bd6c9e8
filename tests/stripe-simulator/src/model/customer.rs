//! A customer: <https://docs.stripe.com/api/customers/object>.

use crate::{faults::Injection, model::Mode};

/// A customer, in test mode unless told otherwise.
#[derive(Clone, Debug)]
pub struct Customer {
    pub(crate) id: String,
    pub(crate) mode: Mode,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) deleted: bool,
    pub(crate) fault: Option<Injection>,
}

impl Customer {
    /// A customer with an id, `cus_…`, and nothing else.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            mode: Mode::Test,
            name: None,
            email: None,
            metadata: Vec::new(),
            deleted: false,
            fault: None,
        }
    }

    /// Puts it into a mode.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Names it.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Gives it an address.
    #[must_use]
    pub fn email(mut self, email: &str) -> Self {
        self.email = Some(email.to_owned());
        self
    }

    /// Adds one pair of metadata. Under the key `simulator_fault`, the value is a fault as [`Injection`] is written.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Makes it deleted, or not.
    #[must_use]
    pub const fn deleted(mut self, deleted: bool) -> Self {
        self.deleted = deleted;
        self
    }

    /// Has requests for it befallen by a fault, before its metadata or its id are asked for one.
    #[must_use]
    pub fn fault(mut self, fault: impl Into<Injection>) -> Self {
        self.fault = Some(fault.into());
        self
    }
}
