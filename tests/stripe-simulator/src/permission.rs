//! Permissions of restricted keys: <https://docs.stripe.com/keys/restricted-api-keys>.

/// A permission of a restricted key, limited to those of the simulated endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Reading the account of the key, `accounts_kyc_basic_read`.
    AccountRead,
    /// Reading checkout sessions, `checkout_session_read`.
    CheckoutSessionsRead,
    /// Reading customers, `customer_read`.
    CustomersRead,
    /// Updating customers, `customer_write`. It includes reading them.
    CustomersWrite,
    /// Reading events, `event_read`.
    EventsRead,
    /// Reading portal configurations, `customer_portal_read`.
    PortalConfigurationsRead,
    /// Creating portal sessions, `customer_portal_write`. It includes reading portal configurations: for Stripe, sessions and
    /// configurations are one resource, and write access includes read access.
    PortalSessionsWrite,
    /// Reading subscriptions, `subscription_read`.
    SubscriptionsRead,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 8] = [
        Self::AccountRead,
        Self::CheckoutSessionsRead,
        Self::CustomersRead,
        Self::CustomersWrite,
        Self::EventsRead,
        Self::PortalConfigurationsRead,
        Self::PortalSessionsWrite,
        Self::SubscriptionsRead,
    ];

    /// Stripe's name, without the prefix `rak_` that appears in error messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountRead => "accounts_kyc_basic_read",
            Self::CheckoutSessionsRead => "checkout_session_read",
            Self::CustomersRead => "customer_read",
            Self::CustomersWrite => "customer_write",
            Self::EventsRead => "event_read",
            Self::PortalConfigurationsRead => "customer_portal_read",
            Self::PortalSessionsWrite => "customer_portal_write",
            Self::SubscriptionsRead => "subscription_read",
        }
    }

    /// Finds a permission by name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.name() == name)
    }

    /// Returns whether this permission allows a request that requires `needed`.
    pub(crate) fn covers(self, needed: Self) -> bool {
        let included = match self {
            Self::CustomersWrite => Some(Self::CustomersRead),
            Self::PortalSessionsWrite => Some(Self::PortalConfigurationsRead),
            Self::AccountRead
            | Self::CheckoutSessionsRead
            | Self::CustomersRead
            | Self::EventsRead
            | Self::PortalConfigurationsRead
            | Self::SubscriptionsRead => None,
        };
        self == needed || included == Some(needed)
    }
}
