//! Up to three attempts at one request, each with the same idempotency key and the same bytes, inside the deadline and
//! inside a retry budget.
//!
//! Rules: <https://docs.stripe.com/error-low-level#should-retry>, <https://docs.stripe.com/api/idempotent_requests>.

use std::{sync::Arc, time::Duration};

use rand::RngExt as _;
use stripe_client_core::{RequestBuilder, StripeMethod};
use tokio::time::{Instant, sleep};
use tower::retry::budget::{Budget as _, TpsBudget};
use tracing::{Instrument as _, Span, field::Empty};

use crate::{
    adapters::stripe::{
        error,
        transport::{Answer, Transport, TransportError},
    },
    portal::{Reason, Refusal},
    telemetry::metrics::METRICS,
};

const MAX_ATTEMPTS: u32 = 3;

/// Full jitter: the n-th pause is anything up to this, doubled n times.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Sends requests, again where that can help.
pub struct Attempts {
    transport: Transport,
    /// The longest an attempt may take.
    timeout: Duration,
    /// One call in ten may be repeated, and one a second on top, so that an outage is not answered by a storm.
    budget: Arc<TpsBudget>,
}

impl Attempts {
    /// Over a transport, with the longest time that one attempt may take.
    #[must_use]
    pub fn new(transport: Transport, timeout: Duration) -> Self {
        Self { transport, timeout, budget: Arc::new(TpsBudget::new(Duration::from_secs(10), 1, 0.1)) }
    }

    /// Returns the last attempt's answer, whatever its status. It is `replayed` only when it answers another call: a later
    /// attempt may well be answered with what an earlier one made.
    /// `name` is the request's method and its path as documented, without an id.
    pub(super) async fn send(
        &self,
        request: &RequestBuilder,
        name: &'static str,
        deadline: Instant,
    ) -> Result<Answer, Refusal> {
        // Random and new for each call: never derived from what a caller sends, never used again.
        let key = matches!(request.method, StripeMethod::Post).then(|| uuid::Uuid::new_v4().to_string());
        self.budget.deposit();
        let mut attempt = 1;
        loop {
            let until = deadline.min(Instant::now() + self.timeout);
            let span = span(name, attempt);
            let sent = self.transport.attempt(request, key.as_deref(), until);
            let mut outcome = sent.instrument(span.clone()).await;
            note(&span, name, &outcome);
            if let Ok(answer) = &mut outcome {
                answer.replayed &= attempt == 1;
            }
            let pause = rand::rng().random_range(Duration::ZERO..=FIRST_PAUSE * 2_u32.pow(attempt - 1));
            let again = attempt < MAX_ATTEMPTS
                && can_help(&outcome)
                && Instant::now() + pause < deadline
                && self.budget.withdraw();
            if !again {
                return outcome.map_err(|error| refusal(error, deadline));
            }
            tracing::info!(attempt, cause = %cause(&outcome), path = request.path, "Stripe is asked again");
            sleep(pause).await;
            attempt += 1;
        }
    }
}

/// The span of one attempt. Its context stays here: Stripe is not told of our traces.
fn span(name: &'static str, attempt: u32) -> Span {
    tracing::info_span!(
        "stripe attempt",
        otel.name = name,
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = method(name),
        http.request.resend_count = attempt - 1,
        http.response.status_code = Empty,
        error.r#type = Empty,
        stripe.request_id = Empty,
    )
}

fn method(name: &'static str) -> &'static str {
    name.split(' ').next().unwrap_or_default()
}

fn note(span: &Span, name: &'static str, outcome: &Result<Answer, TransportError>) {
    METRICS.stripe_attempt(method(name), outcome.as_ref().ok().map(|answer| answer.status.as_u16()));
    match outcome {
        Ok(answer) => {
            span.record("http.response.status_code", answer.status.as_u16());
            span.record("stripe.request_id", answer.request_id.as_deref());
            if !answer.status.is_success() {
                span.record("otel.status_code", "ERROR").record("error.type", answer.status.as_str());
            }
        }
        Err(error) => {
            span.record("otel.status_code", "ERROR").record("error.type", error.to_string());
        }
    }
}

/// Stripe's own word first; else what is known to pass.
fn can_help(outcome: &Result<Answer, TransportError>) -> bool {
    match outcome {
        Ok(answer) if answer.status.is_success() || answer.replayed => false,
        Ok(answer) => answer.should_retry.unwrap_or_else(|| match answer.status.as_u16() {
            409 | 502 | 503 | 504 => true,
            429 => error::is_lock_timeout(answer),
            _ => false,
        }),
        Err(TransportError::NoConnection(_) | TransportError::CutOff(_) | TransportError::TimedOut) => true,
        Err(TransportError::NoKey | TransportError::Malformed(_) | TransportError::TooLarge) => false,
    }
}

fn cause(outcome: &Result<Answer, TransportError>) -> String {
    match outcome {
        Ok(answer) => answer.status.to_string(),
        Err(error) => error.to_string(),
    }
}

fn refusal(error: TransportError, deadline: Instant) -> Refusal {
    let reason = match &error {
        TransportError::NoKey => Reason::StripeCredentials,
        TransportError::Malformed(_) => Reason::Bug,
        TransportError::TooLarge => Reason::StripeProtocol,
        TransportError::NoConnection(_) | TransportError::CutOff(_) | TransportError::TimedOut => {
            if Instant::now() >= deadline { Reason::DeadlineExceeded } else { Reason::StripeUnavailable }
        }
    };
    Refusal::because(reason, "Stripe gave no usable answer").caused_by(error)
}

impl std::fmt::Debug for Attempts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempts").field("transport", &self.transport).finish_non_exhaustive()
    }
}
