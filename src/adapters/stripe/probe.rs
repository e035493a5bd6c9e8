//! Probes of what the key may do, for `check`: the requests of a call, for a customer that cannot exist. Nothing is created.

use http::StatusCode;
use tokio::time::Instant;

use crate::{
    adapters::stripe::{
        StripePortalSessions,
        error::{self, StripeRequest},
        transport::StripeResponse,
    },
    portal::{CustomerId, Flow, PortalRequest, Reason, Refusal, ReturnUrl},
};

/// Stripe's own ids have 14 letters and digits after the prefix.
const NO_CUSTOMER: &str = "cus_NoSuchCustomerCheckOfBillingPortal";

impl StripePortalSessions {
    /// Returns whether the key is a restricted one.
    ///
    /// # Errors
    /// STRIPE_CREDENTIALS if there is no valid key.
    pub fn has_restricted_key(&self) -> Result<bool, Refusal> {
        Ok(self.attempts.key()?.is_restricted())
    }

    /// Finds out whether the key may read customers.
    ///
    /// # Errors
    /// The refusal that every call would receive, such as STRIPE_CREDENTIALS.
    pub async fn probe_customer(&self, deadline: Instant) -> Result<(), Refusal> {
        let response = self.read_customer(&*self.attempts.key()?, &no_customer()?, deadline).await?;
        verdict(&response, StripeRequest::Read)
    }

    /// Finds out whether the key may create sessions.
    ///
    /// # Errors
    /// The refusal that every call would receive, such as STRIPE_CREDENTIALS.
    pub async fn probe_session(&self, return_url: ReturnUrl, deadline: Instant) -> Result<(), Refusal> {
        let completed_url = return_url.clone();
        let portal_request = PortalRequest { return_url, locale: None, flow: Flow::Home, completed_url };
        let key = self.attempts.key()?;
        let response = self.create_session(&key, &no_customer()?, &portal_request, deadline).await?;
        verdict(&response, StripeRequest::CreateSession(&Flow::Home))
    }
}

fn no_customer() -> Result<CustomerId, Refusal> {
    CustomerId::parse(NO_CUSTOMER).ok_or_else(|| Refusal::because(Reason::Bug, "id of the probe is not valid"))
}

/// Stripe checks permissions first: a request that fails for its customer or configuration was permitted.
fn verdict(response: &StripeResponse, request: StripeRequest<'_>) -> Result<(), Refusal> {
    if response.status == StatusCode::OK {
        return Err(Refusal::because(Reason::StripeProtocol, "Stripe has a customer that cannot exist"));
    }
    let refusal = error::refusal(response, request);
    let was_permitted =
        [Reason::BillingAccountMissingAtStripe, Reason::PortalNotConfigured].contains(&refusal.reason());
    if was_permitted { Ok(()) } else { Err(refusal) }
}
