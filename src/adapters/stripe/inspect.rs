//! Read-only requests for the operator commands: the account, its portal configuration, and the tenant recorded on a
//! customer.
//!
//! API: <https://docs.stripe.com/api/accounts/retrieve>,
//! <https://docs.stripe.com/api/customer_portal/configurations/list>.

use serde_json::Value;
use stripe_client_core::{RequestBuilder, StripeMethod};
use tokio::time::Instant;

use crate::{
    adapters::stripe::{Mode, Permission, StripePortalSessions, error, response},
    portal::{CustomerId, Reason, RecordedTenant, Refusal, account::is_stripe_id},
};

/// The result of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inspected<T> {
    /// The object.
    Known(T),
    /// The object does not exist.
    Missing,
    /// The restricted key has no permission to read the object: the one that Stripe names.
    NotPermitted(Option<Permission>),
}

impl<T> Inspected<T> {
    fn and_then<U>(self, f: impl FnOnce(T) -> Result<Inspected<U>, Refusal>) -> Result<Inspected<U>, Refusal> {
        match self {
            Self::Known(value) => f(value),
            Self::Missing => Ok(Inspected::Missing),
            Self::NotPermitted(permission) => Ok(Inspected::NotPermitted(permission)),
        }
    }
}

/// The account that the key belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `acct_…`.
    pub id: String,
}

/// The properties of a portal configuration that `check` reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalConfiguration {
    /// `bpc_…`.
    pub id: String,
    /// Whether sessions can be created with it.
    pub is_active: bool,
    /// Whether it belongs to the configured mode.
    pub has_configured_mode: bool,
    /// Whether the portal lets a person change the customer's email address.
    pub edits_email: bool,
    /// Whether Stripe's login page is enabled, which admits people by email and so bypasses the owner check.
    pub has_login_page: bool,
}

impl StripePortalSessions {
    /// Reads the tenant recorded on a customer. First waits for the rate limit towards Stripe, as long as necessary;
    /// `time_limit` applies to the read only.
    ///
    /// # Errors
    /// The same as for opening a session, such as BILLING_ACCOUNT_MISSING_AT_STRIPE or STRIPE_UNAVAILABLE.
    pub async fn inspect_customer(
        &self,
        customer: &CustomerId,
        time_limit: std::time::Duration,
    ) -> Result<RecordedTenant, Refusal> {
        self.pace.acquire().await;
        let key = self.attempts.key()?;
        self.recorded_tenant(&key, customer, Instant::now() + time_limit).await
    }

    /// Reads the account of the key.
    ///
    /// # Errors
    /// A refusal by Stripe, such as STRIPE_CREDENTIALS or STRIPE_UNAVAILABLE.
    pub async fn inspect_account(&self, deadline: Instant) -> Result<Inspected<Account>, Refusal> {
        let inspected = self.inspect("/account", None, deadline).await?;
        inspected.and_then(|account| Ok(Inspected::Known(Account { id: id(&account, "acct_")? })))
    }

    /// Reads the configuration that sessions are created with: the configured one, or the default of the account.
    ///
    /// # Errors
    /// A refusal by Stripe, such as STRIPE_CREDENTIALS or STRIPE_UNAVAILABLE.
    pub async fn inspect_configuration(&self, deadline: Instant) -> Result<Inspected<PortalConfiguration>, Refusal> {
        const PATH: &str = "/billing_portal/configurations";
        let inspected = match &self.settings.configuration {
            Some(configured) => self.inspect(&format!("{PATH}/{configured}"), None, deadline).await?,
            None => {
                let list = self.inspect(PATH, Some("is_default=true&limit=1"), deadline).await?;
                list.and_then(|list| Ok(list.pointer("/data/0").cloned().map_or(Inspected::Missing, Inspected::Known)))?
            }
        };
        inspected.and_then(|object| Ok(Inspected::Known(self.configuration(&object)?)))
    }

    fn configuration(&self, object: &Value) -> Result<PortalConfiguration, Refusal> {
        let flag = |path: &str| object.pointer(path).and_then(Value::as_bool);
        let editable = object.pointer("/features/customer_update/allowed_updates").and_then(Value::as_array);
        Ok(PortalConfiguration {
            id: id(object, "bpc_")?,
            is_active: flag("/active").ok_or_else(incomplete_response)?,
            has_configured_mode: flag("/livemode").ok_or_else(incomplete_response)?
                == (self.settings.mode == Mode::Live),
            edits_email: flag("/features/customer_update/enabled") == Some(true)
                && editable.is_some_and(|fields| fields.iter().any(|field| field == "email")),
            has_login_page: flag("/login_page/enabled") == Some(true),
        })
    }

    async fn inspect(&self, path: &str, query: Option<&str>, deadline: Instant) -> Result<Inspected<Value>, Refusal> {
        let mut request = RequestBuilder::new(StripeMethod::Get, path);
        request.query = query.map(str::to_owned);
        let response = self.attempts.send(&*self.attempts.key()?, &request, "GET /v1", deadline).await?;
        match response.status.as_u16() {
            200 => response::parse_object(&response.body).map(|object| Inspected::Known(Value::Object(object))),
            403 => Ok(Inspected::NotPermitted(error::missing_permission(&response))),
            404 => Ok(Inspected::Missing),
            _ => Err(error::refusal(&response, error::StripeRequest::Read)),
        }
    }
}

fn id(object: &Value, prefix: &str) -> Result<String, Refusal> {
    let id = object.get("id").and_then(Value::as_str).filter(|id| is_stripe_id(id, &[prefix]));
    id.map(str::to_owned).ok_or_else(incomplete_response)
}

fn incomplete_response() -> Refusal {
    Refusal::because(Reason::StripeProtocol, "invalid Stripe response: a documented member is missing")
}
