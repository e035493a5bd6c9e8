//! Endpoints, and the endpoint of a request.

use crate::permission::Permission;

/// An endpoint of the simulated API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `GET /v1/account`.
    Account,
    /// `GET /v1/billing_portal/configurations` and `GET /v1/billing_portal/configurations/{id}`.
    Configurations,
    /// `GET /v1/checkout/sessions`.
    CheckoutSessions,
    /// `GET /v1/customers/{id}`.
    Customers,
    /// `POST /v1/customers/{id}`.
    CustomerUpdates,
    /// `GET /v1/events`.
    Events,
    /// `POST /v1/billing_portal/sessions`.
    Sessions,
    /// `GET /v1/subscriptions`.
    Subscriptions,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 8] = [
        Self::Account,
        Self::Configurations,
        Self::CheckoutSessions,
        Self::Customers,
        Self::CustomerUpdates,
        Self::Events,
        Self::Sessions,
        Self::Subscriptions,
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Configurations => "configurations",
            Self::CheckoutSessions => "checkout-sessions",
            Self::Customers => "customers",
            Self::CustomerUpdates => "customer-updates",
            Self::Events => "events",
            Self::Sessions => "sessions",
            Self::Subscriptions => "subscriptions",
        }
    }
}

/// The endpoint of a request, with the ID in its path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route<'a> {
    Account,
    Configurations,
    Configuration(&'a str),
    CheckoutSessions,
    Customer(&'a str),
    UpdateCustomer(&'a str),
    CreateSession,
    Events,
    Subscriptions,
}

const CONFIGURATIONS: &str = "/v1/billing_portal/configurations";

impl<'a> Route<'a> {
    /// Finds the route of a method and a path without a query.
    pub(crate) fn of(method: &str, path: &'a str) -> Option<Self> {
        let id = |prefix: &str| {
            let id = path.strip_prefix(prefix)?.strip_prefix('/')?;
            (!id.is_empty() && !id.contains('/')).then_some(id)
        };
        match method {
            "POST" if path == "/v1/billing_portal/sessions" => Some(Self::CreateSession),
            "POST" => id("/v1/customers").map(Self::UpdateCustomer),
            "GET" if path == "/v1/account" => Some(Self::Account),
            "GET" if path == "/v1/checkout/sessions" => Some(Self::CheckoutSessions),
            "GET" if path == "/v1/events" => Some(Self::Events),
            "GET" if path == "/v1/subscriptions" => Some(Self::Subscriptions),
            "GET" if path == CONFIGURATIONS => Some(Self::Configurations),
            "GET" => id("/v1/customers").map(Self::Customer).or_else(|| id(CONFIGURATIONS).map(Self::Configuration)),
            _ => None,
        }
    }

    pub(crate) const fn endpoint(self) -> Endpoint {
        match self {
            Self::Account => Endpoint::Account,
            Self::Configurations | Self::Configuration(_) => Endpoint::Configurations,
            Self::CheckoutSessions => Endpoint::CheckoutSessions,
            Self::Customer(_) => Endpoint::Customers,
            Self::UpdateCustomer(_) => Endpoint::CustomerUpdates,
            Self::CreateSession => Endpoint::Sessions,
            Self::Events => Endpoint::Events,
            Self::Subscriptions => Endpoint::Subscriptions,
        }
    }

    /// Returns the permission that a restricted key needs.
    pub(crate) const fn permission(self) -> Permission {
        match self.endpoint() {
            Endpoint::Account => Permission::AccountRead,
            Endpoint::Configurations => Permission::PortalConfigurationsRead,
            Endpoint::CheckoutSessions => Permission::CheckoutSessionsRead,
            Endpoint::Customers => Permission::CustomersRead,
            Endpoint::CustomerUpdates => Permission::CustomersWrite,
            Endpoint::Events => Permission::EventsRead,
            Endpoint::Sessions => Permission::PortalSessionsWrite,
            Endpoint::Subscriptions => Permission::SubscriptionsRead,
        }
    }
}
