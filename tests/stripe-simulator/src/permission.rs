//! Permissions of restricted keys: <https://docs.stripe.com/keys/restricted-api-keys>.

/// A permission of a restricted key, limited to those of the simulated endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Reading the account of the key, `accounts_kyc_basic_read`.
    AccountRead,
    /// Reading customers, `customer_read`.
    CustomersRead,
    /// Reading portal configurations, `customer_portal_read`.
    PortalConfigurationsRead,
    /// Creating portal sessions, `customer_portal_write`. It includes reading portal configurations: for Stripe, sessions and
    /// configurations are one resource, and write access includes read access.
    PortalSessionsWrite,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 4] =
        [Self::AccountRead, Self::CustomersRead, Self::PortalConfigurationsRead, Self::PortalSessionsWrite];

    /// Stripe's name, without the prefix `rak_` that appears in error messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountRead => "accounts_kyc_basic_read",
            Self::CustomersRead => "customer_read",
            Self::PortalConfigurationsRead => "customer_portal_read",
            Self::PortalSessionsWrite => "customer_portal_write",
        }
    }

    /// Finds a permission by name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.name() == name)
    }

    /// Returns whether this permission allows a request that requires `needed`.
    pub(crate) fn covers(self, needed: Self) -> bool {
        self == needed || (self == Self::PortalSessionsWrite && needed == Self::PortalConfigurationsRead)
    }
}
