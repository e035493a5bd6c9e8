//! The modes of an account.

/// The mode of a key or an object in a Stripe account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Test mode.
    Test,
    /// Live mode.
    Live,
}

impl Mode {
    /// The spelling in Stripe's keys and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }

    /// The path prefix of the mode in the dashboard.
    pub(crate) const fn dashboard_path(self) -> &'static str {
        match self {
            Self::Test => "test/",
            Self::Live => "",
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Test => Self::Live,
            Self::Live => Self::Test,
        }
    }
}
