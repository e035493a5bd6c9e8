//! Requests of tools beside the service, one object or list at a time, with the transport, the attempts and the pace of the
//! service. Which requests, only the tool knows.

use std::{error::Error as _, time::Duration};

use serde_json::{Map, Value};
use stripe_client_core::{RequestBuilder, StripeMethod};
use tokio::time::Instant;

use crate::{
    adapters::stripe::{Attempts, Pace, TransportError, error, response},
    portal::Refusal,
};

/// Sends requests, and returns the objects in the responses.
#[derive(Debug)]
pub struct StripeObjects {
    attempts: Attempts,
    pace: Pace,
}

impl StripeObjects {
    /// Creates the sender from its parts.
    #[must_use]
    pub fn new(attempts: Attempts, pace: Pace) -> Self {
        Self { attempts, pace }
    }

    /// Sends a request. First waits for the rate limit towards Stripe, as long as necessary; `time_limit` applies to the
    /// attempts only. `name` is the method and the documented path, without an id.
    ///
    /// # Errors
    /// The same as for the requests of a call, such as BILLING_ACCOUNT_MISSING_AT_STRIPE or STRIPE_UNAVAILABLE.
    pub async fn send(
        &self,
        request: &RequestBuilder,
        name: &'static str,
        time_limit: Duration,
    ) -> Result<Map<String, Value>, Refusal> {
        self.pace.acquire().await;
        let key = self.attempts.key()?;
        let response = self.attempts.send(&key, request, name, Instant::now() + time_limit).await?;
        response::reject_replayed(&response)?;
        if response.status != http::StatusCode::OK {
            let kind = match request.method {
                StripeMethod::Get => error::StripeRequest::Read,
                StripeMethod::Post | StripeMethod::Delete => error::StripeRequest::Change,
            };
            return Err(error::refusal(&response, kind));
        }
        response::parse_object(&response.body)
    }
}

/// Returns whether a response was larger than what is read. A page with fewer objects may be small enough.
#[must_use]
pub fn is_too_large(refusal: &Refusal) -> bool {
    let error = refusal.source().and_then(|source| source.downcast_ref());
    matches!(error, Some(TransportError::TooLarge))
}
