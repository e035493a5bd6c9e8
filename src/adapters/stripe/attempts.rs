//! Up to three attempts at one request, with the same idempotency key and the same bytes, within the deadline and a
//! retry budget. An attempt that fails because an idle connection was closed is repeated once on a new connection.
//!
//! Rules: <https://docs.stripe.com/error-low-level#should-retry>, <https://docs.stripe.com/api/idempotent_requests>.

use std::{sync::Arc, time::Duration};

use rand::RngExt as _;
use stripe_client_core::{RequestBuilder, StripeMethod};
use tokio::time::{Instant, sleep};
use tracing::{Instrument as _, Span, field::Empty};

use crate::{
    adapters::stripe::{
        error,
        retry_budget::RetryBudget,
        secret_key::SecretKey,
        transport::{Connection, StripeResponse, Transport, TransportError},
    },
    portal::{Reason, Refusal},
    telemetry::metrics::METRICS,
};

const MAX_ATTEMPTS: u32 = 3;

/// Full jitter: the pause before the first retry is random up to this value, and the limit doubles for each further
/// retry.
const MAX_FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Sends requests, and retries those that may succeed on a further attempt.
pub struct Attempts {
    transport: Transport,
    /// The time limit of one attempt.
    timeout: Duration,
    /// Of all requests to Stripe.
    budget: RetryBudget,
}

impl Attempts {
    /// Creates a sender over a transport, with the time limit of one attempt.
    #[must_use]
    pub fn new(transport: Transport, timeout: Duration) -> Self {
        Self { transport, timeout, budget: RetryBudget::new() }
    }

    /// Returns the current key from the key file. A call uses one key for all its requests, so that the proof and the session
    /// come from the same account.
    ///
    /// # Errors
    /// STRIPE_CREDENTIALS if there is no valid key.
    pub(super) fn key(&self) -> Result<Arc<SecretKey>, Refusal> {
        self.transport.key().map_err(|error| refusal(error, Instant::now()))
    }

    /// Returns the response to the last attempt, whatever its status. It counts as `replayed` only if the first request
    /// received a replay: a later one may legitimately receive the result of an earlier attempt. `name` is the method and
    /// the documented path of the request, without an id.
    ///
    /// # Errors
    /// STRIPE_UNAVAILABLE or DEADLINE_EXCEEDED if no complete response was received, STRIPE_PROTOCOL if the response is over 64 KiB, BUG if the request is malformed.
    pub(super) async fn send(
        &self,
        key: &SecretKey,
        request: &RequestBuilder,
        name: &'static str,
        deadline: Instant,
    ) -> Result<StripeResponse, Refusal> {
        // Random and new for each call: never derived from caller input, and never reused.
        let idempotency_key = matches!(request.method, StripeMethod::Post).then(|| uuid::Uuid::new_v4().to_string());
        let mut attempt = 1;
        let mut resends = 0;
        let mut connection = Connection::Pooled;
        loop {
            let until = deadline.min(Instant::now() + self.timeout);
            let span = span(name, resends);
            let sent = self.transport.attempt(key, request, idempotency_key.as_deref(), connection, until);
            let mut outcome = sent.instrument(span.clone()).await;
            record_outcome(&span, name, &outcome);
            if let Ok(response) = &mut outcome {
                response.replayed &= resends == 0;
            }
            resends += 1;
            if let Err(TransportError::ReusedConnectionLost(_)) = &outcome {
                // It says nothing about Stripe, so it costs neither an attempt, a pause nor a part of the budget. It also
                // takes no place in the pace: such a request hardly ever reached the API, and a connection is lost only
                // once. Other connections of the pool may be closed as well, so later attempts do not use it either.
                // Thus a request is repeated at most once.
                tracing::info!(cause = %cause(&outcome), path = request.path, "repeating Stripe request");
                connection = Connection::New;
                continue;
            }
            if !is_retryable(&outcome) {
                self.budget.record_final();
                return outcome.map_err(|error| refusal(error, deadline));
            }
            let pause = rand::rng().random_range(Duration::ZERO..=MAX_FIRST_PAUSE * 2_u32.pow(attempt - 1));
            let may_retry = attempt < MAX_ATTEMPTS && Instant::now() + pause < deadline && self.budget.allows_retry();
            if !may_retry {
                return outcome.map_err(|error| refusal(error, deadline));
            }
            tracing::info!(attempt, cause = %cause(&outcome), path = request.path, "retrying Stripe request");
            sleep(pause).await;
            attempt += 1;
        }
    }
}

/// Creates the span of one attempt. Its context is not sent to Stripe.
fn span(name: &'static str, resends: u32) -> Span {
    tracing::info_span!(
        "stripe attempt",
        otel.name = name,
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = method(name),
        http.request.resend_count = resends,
        http.response.status_code = Empty,
        error.r#type = Empty,
        stripe.request_id = Empty,
    )
}

fn method(name: &'static str) -> &'static str {
    name.split(' ').next().unwrap_or_default()
}

fn record_outcome(span: &Span, name: &'static str, outcome: &Result<StripeResponse, TransportError>) {
    let response = outcome.as_ref().ok();
    let status = response.map(|response| response.status.as_u16());
    METRICS.stripe_attempt(method(name), status, response.and_then(|response| response.rate_limited));
    match outcome {
        Ok(response) => {
            span.record("http.response.status_code", response.status.as_u16());
            span.record("stripe.request_id", response.request_id.as_deref());
            if !response.status.is_success() {
                span.record("otel.status_code", "ERROR").record("error.type", response.status.as_str());
            }
        }
        Err(error) => {
            span.record("otel.status_code", "ERROR").record("error.type", error.to_string());
        }
    }
}

/// Returns whether a further attempt may succeed. `Stripe-Should-Retry` decides if it is present.
fn is_retryable(outcome: &Result<StripeResponse, TransportError>) -> bool {
    match outcome {
        Ok(response) if response.status.is_success() || response.replayed => false,
        Ok(response) => response.should_retry.unwrap_or_else(|| match response.status.as_u16() {
            409 | 502 | 503 | 504 => true,
            429 => error::is_lock_timeout(response),
            _ => false,
        }),
        Err(
            TransportError::NoConnection(_)
            | TransportError::Proxy(_)
            | TransportError::ConnectionLost(_)
            | TransportError::ReusedConnectionLost(_)
            | TransportError::TimedOut,
        ) => true,
        Err(TransportError::NoKey | TransportError::Malformed(_) | TransportError::TooLarge) => false,
    }
}

fn cause(outcome: &Result<StripeResponse, TransportError>) -> String {
    match outcome {
        Ok(response) => response.status.to_string(),
        Err(error) => error.to_string(),
    }
}

fn refusal(error: TransportError, deadline: Instant) -> Refusal {
    let reason = match &error {
        TransportError::NoKey => Reason::StripeCredentials,
        TransportError::Malformed(_) => Reason::Bug,
        TransportError::TooLarge => Reason::StripeProtocol,
        TransportError::NoConnection(_)
        | TransportError::Proxy(_)
        | TransportError::ConnectionLost(_)
        | TransportError::ReusedConnectionLost(_)
        | TransportError::TimedOut => {
            if Instant::now() >= deadline {
                Reason::DeadlineExceeded
            } else {
                Reason::StripeUnavailable
            }
        }
    };
    Refusal::because(reason, "Stripe request failed").caused_by(error)
}

impl std::fmt::Debug for Attempts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempts").field("transport", &self.transport).finish_non_exhaustive()
    }
}
