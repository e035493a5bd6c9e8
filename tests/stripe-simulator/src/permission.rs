//! What a restricted key may do: <https://docs.stripe.com/keys/restricted-api-keys>.

/// A permission of a restricted key, as far as the simulated endpoints need one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Reading one's own account, `accounts_kyc_basic_read`.
    AccountRead,
    /// Reading customers, `customer_read`.
    CustomersRead,
    /// Reading portal configurations, `customer_portal_read`.
    PortalConfigurationsRead,
    /// Making portal sessions, `customer_portal_write`. It implies the reading: sessions and configurations are one resource
    /// to Stripe, and whoever may write a resource may read it.
    PortalSessionsWrite,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 4] =
        [Self::AccountRead, Self::CustomersRead, Self::PortalConfigurationsRead, Self::PortalSessionsWrite];

    /// Stripe's name, without the prefix `rak_` that its texts put before it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountRead => "accounts_kyc_basic_read",
            Self::CustomersRead => "customer_read",
            Self::PortalConfigurationsRead => "customer_portal_read",
            Self::PortalSessionsWrite => "customer_portal_write",
        }
    }

    /// The permission of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.name() == name)
    }

    /// Whether holding this one lets a request through that needs another.
    pub(crate) fn covers(self, needed: Self) -> bool {
        self == needed || (self == Self::PortalSessionsWrite && needed == Self::PortalConfigurationsRead)
    }
}
