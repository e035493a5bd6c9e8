//! The two halves of an account.

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

    /// Where the dashboard of a mode lies.
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
