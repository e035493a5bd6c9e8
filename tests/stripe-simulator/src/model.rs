//! What an account holds, and what goes over the wire.

use serde_json::Value;

/// Which half of a Stripe account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A sandbox.
    Test,
    /// Real money.
    Live,
}

impl Mode {
    /// As keys and texts of Stripe's spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Test => Self::Live,
            Self::Live => Self::Test,
        }
    }
}

/// A customer, in test mode unless told otherwise.
#[derive(Clone, Debug)]
pub struct Customer {
    pub(crate) id: String,
    pub(crate) mode: Mode,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) deleted: bool,
}

impl Customer {
    /// A customer with an id, `cus_…`, and nothing else.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), mode: Mode::Test, name: None, email: None, metadata: Vec::new(), deleted: false }
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

    /// Adds one pair of metadata.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push((key.to_owned(), value.to_owned()));
        self
    }
}

/// A subscription of a customer, in test mode unless told otherwise.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) mode: Mode,
    pub(crate) items: Vec<String>,
}

impl Subscription {
    /// A subscription `sub_…` of the customer `cus_…`, without items.
    #[must_use]
    pub fn new(id: &str, customer: &str) -> Self {
        Self { id: id.to_owned(), customer: customer.to_owned(), mode: Mode::Test, items: Vec::new() }
    }

    /// Puts it into a mode.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Adds an item, `si_…`. Its price and quantity are what a person sees; no check of Stripe's needs them here.
    #[must_use]
    pub fn item(mut self, id: &str, _price: &str, _quantity: u32) -> Self {
        self.items.push(id.to_owned());
        self
    }
}

/// A portal configuration, in test mode, active and not the default unless told otherwise.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub(crate) id: String,
    pub(crate) mode: Mode,
    pub(crate) is_default: bool,
    pub(crate) active: bool,
    pub(crate) prices: Vec<String>,
}

impl Configuration {
    /// A configuration `bpc_…` that lets a subscription change to no price.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), mode: Mode::Test, is_default: false, active: true, prices: Vec::new() }
    }

    /// Puts it into a mode.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Makes it its mode's default, or not.
    #[must_use]
    pub const fn default_of_mode(mut self, is_default: bool) -> Self {
        self.is_default = is_default;
        self
    }

    /// Switches it on or off.
    #[must_use]
    pub const fn active(mut self, active: bool) -> Self {
        self.active = active;
        self
    }

    /// Adds a price that a subscription may change to.
    #[must_use]
    pub fn price(mut self, price: &str) -> Self {
        self.prices.push(price.to_owned());
        self
    }
}

/// A portal session that was made.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) customer: String,
    pub(crate) mode: Mode,
    pub(crate) return_url: Option<String>,
    pub(crate) flow: Option<String>,
}

/// A request as it came in; of its authorization only the scheme is kept.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// `GET`, `POST`, ….
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As it came in.
    pub body: String,
}

impl RecordedRequest {
    /// The one value of a header; none when it is missing or stands twice.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }
}

/// An answer before it leaves.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Beside those that the server adds.
    pub headers: Vec<(String, String)>,
    /// JSON, unless a fault made it something else.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body, parsed; null when it is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The answer with another body.
    #[must_use]
    pub fn with_json(mut self, json: &Value) -> Self {
        self.body = json.to_string().into_bytes();
        self
    }
}
