//! What an operator wants to know of the Stripe account before anyone is let in. It only reads.
//!
//! API: <https://docs.stripe.com/api/accounts/retrieve>, <https://docs.stripe.com/api/customer_portal/configurations/list>.

use serde_json::Value;
use stripe_client_core::{RequestBuilder, StripeMethod};
use tokio::time::Instant;

use crate::{
    adapters::stripe::{Mode, StripePortalSessions, answer, error},
    portal::{CustomerId, Reason, RecordedTenant, Refusal, account::is_stripe_id},
};

/// What a question was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inspected<T> {
    /// The answer.
    Known(T),
    /// There is no such thing.
    Missing,
    /// The restricted key may not read it.
    NotPermitted,
}

impl<T> Inspected<T> {
    /// Reads what is known.
    fn read<U>(self, read: impl FnOnce(T) -> Result<Inspected<U>, Refusal>) -> Result<Inspected<U>, Refusal> {
        match self {
            Self::Known(value) => read(value),
            Self::Missing => Ok(Inspected::Missing),
            Self::NotPermitted => Ok(Inspected::NotPermitted),
        }
    }
}

/// The account that the key belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `acct_…`.
    pub id: String,
}

/// A portal configuration, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalConfiguration {
    /// `bpc_…`.
    pub id: String,
    /// Whether sessions can be made with it.
    pub is_active: bool,
    /// Whether it is of the configured mode.
    pub is_of_the_mode: bool,
    /// Whether a person may change the customer's e-mail address.
    pub edits_email: bool,
    /// Whether Stripe's own login page lets people in by e-mail, past the owner check.
    pub has_login_page: bool,
}

impl StripePortalSessions {
    /// Whose the customer says it is, when the line in front of Stripe gets to it.
    ///
    /// # Errors
    /// As for opening: BILLING_ACCOUNT_MISSING_AT_STRIPE, STRIPE_UNAVAILABLE and so on.
    pub async fn inspect_claim(
        &self,
        customer: &CustomerId,
        within: std::time::Duration,
    ) -> Result<RecordedTenant, Refusal> {
        self.pace.turn().await;
        self.claim(customer, Instant::now() + within).await
    }

    /// The key's own account.
    ///
    /// # Errors
    /// STRIPE_CREDENTIALS, STRIPE_UNAVAILABLE and so on.
    pub async fn inspect_account(&self, deadline: Instant) -> Result<Inspected<Account>, Refusal> {
        let inspected = self.inspect("/account", None, deadline).await?;
        inspected.read(|account| Ok(Inspected::Known(Account { id: id(&account, "acct_")? })))
    }

    /// The configuration that sessions are made with: the pinned one, or the account's default.
    ///
    /// # Errors
    /// STRIPE_CREDENTIALS, STRIPE_UNAVAILABLE and so on.
    pub async fn inspect_configuration(&self, deadline: Instant) -> Result<Inspected<PortalConfiguration>, Refusal> {
        const PATH: &str = "/billing_portal/configurations";
        let inspected = match &self.terms.configuration {
            Some(pinned) => self.inspect(&format!("{PATH}/{pinned}"), None, deadline).await?,
            None => {
                let list = self.inspect(PATH, Some("is_default=true&limit=1"), deadline).await?;
                list.read(|list| Ok(list.pointer("/data/0").cloned().map_or(Inspected::Missing, Inspected::Known)))?
            }
        };
        inspected.read(|object| Ok(Inspected::Known(self.configuration(&object)?)))
    }

    fn configuration(&self, object: &Value) -> Result<PortalConfiguration, Refusal> {
        let is = |path: &str| object.pointer(path).and_then(Value::as_bool);
        let editable = object.pointer("/features/customer_update/allowed_updates").and_then(Value::as_array);
        Ok(PortalConfiguration {
            id: id(object, "bpc_")?,
            is_active: is("/active").ok_or_else(unread)?,
            is_of_the_mode: is("/livemode").ok_or_else(unread)? == (self.terms.mode == Mode::Live),
            edits_email: is("/features/customer_update/enabled") == Some(true)
                && editable.is_some_and(|fields| fields.iter().any(|field| field == "email")),
            has_login_page: is("/login_page/enabled") == Some(true),
        })
    }

    async fn inspect(&self, path: &str, query: Option<&str>, deadline: Instant) -> Result<Inspected<Value>, Refusal> {
        let mut request = RequestBuilder::new(StripeMethod::Get, path);
        request.query = query.map(str::to_owned);
        let answer = self.attempts.send(&request, "GET /v1", deadline).await?;
        match answer.status.as_u16() {
            200 => answer::object(&answer.body).map(|object| Inspected::Known(Value::Object(object))),
            403 => Ok(Inspected::NotPermitted),
            404 => Ok(Inspected::Missing),
            _ => Err(error::refusal(&answer, error::Asked::Customer)),
        }
    }
}

fn id(object: &Value, prefix: &str) -> Result<String, Refusal> {
    let id = object.get("id").and_then(Value::as_str).filter(|id| is_stripe_id(id, &[prefix]));
    id.map(str::to_owned).ok_or_else(unread)
}

fn unread() -> Refusal {
    Refusal::because(Reason::StripeProtocol, "an answer of Stripe's lacks what it documents")
}
