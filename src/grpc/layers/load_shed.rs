//! Overload and shutdown, before anything else is looked at.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::Response,
    middleware::Next,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    grpc::status::respond,
    portal::{Reason, Refusal},
    telemetry::metrics::METRICS,
};

/// How many calls may run, and whether any still may.
#[derive(Clone, Debug)]
pub struct LoadShed {
    slots: Arc<Semaphore>,
    /// No new calls.
    draining: CancellationToken,
    /// No calls at all: the drain's time is over.
    cut_off: CancellationToken,
}

impl LoadShed {
    /// Lets `max_in_flight` calls run at once, until `draining`, and cuts off those that run at `cut_off`.
    #[must_use]
    pub fn new(max_in_flight: usize, draining: CancellationToken, cut_off: CancellationToken) -> Self {
        Self { slots: Arc::new(Semaphore::new(max_in_flight)), draining, cut_off }
    }
}

/// The layer.
pub async fn admit(State(gate): State<LoadShed>, request: Request, next: Next) -> Response<Body> {
    if gate.draining.is_cancelled() {
        return respond(Refusal::because(Reason::ShuttingDown, "the process is draining"));
    }
    let Ok(_slot) = gate.slots.try_acquire() else {
        return respond(Refusal::because(Reason::Overloaded, "as many calls are in flight as are allowed"));
    };
    let _in_flight = METRICS.begin_call();
    tokio::select! {
        biased;
        response = next.run(request) => response,
        () = gate.cut_off.cancelled() => {
            respond(Refusal::because(Reason::ShuttingDown, "the call was cut off at the end of the drain"))
        }
    }
}
