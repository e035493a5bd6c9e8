//! Refuses calls under overload and during shutdown. Outside the checks of the call itself, so that a refused call costs almost
//! nothing.

use std::sync::Arc;

use axum::extract::Request;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    grpc::layers::stack::{Handler, Layer, Outcome},
    portal::{Reason, Refusal},
    telemetry::metrics::METRICS,
};

/// The limit of concurrent calls, and the signals that refuse new calls and end running ones.
#[derive(Clone, Debug)]
pub struct LoadShed {
    slots: Arc<Semaphore>,
    /// When cancelled, new calls are refused.
    draining: CancellationToken,
    /// When cancelled, calls that are still running are ended, because the drain is over.
    cut_off: CancellationToken,
}

impl LoadShed {
    /// Allows `max_in_flight` concurrent calls until `draining` is cancelled, and ends those that are still running when
    /// `cut_off` is.
    #[must_use]
    pub fn new(max_in_flight: usize, draining: CancellationToken, cut_off: CancellationToken) -> Self {
        Self { slots: Arc::new(Semaphore::new(max_in_flight)), draining, cut_off }
    }
}

impl Layer for LoadShed {
    async fn call(&self, request: Request, inside: &Arc<impl Handler>) -> Outcome {
        if self.draining.is_cancelled() {
            return Err(Refusal::because(Reason::ShuttingDown, "process is draining"));
        }
        let Ok(_slot) = self.slots.try_acquire() else {
            return Err(Refusal::because(Reason::Overloaded, "maximum number of calls is in flight"));
        };
        let _in_flight = METRICS.begin_call();
        tokio::select! {
            biased;
            outcome = inside.handle(request) => outcome,
            () = self.cut_off.cancelled() => {
                Err(Refusal::because(Reason::ShuttingDown, "call was cut off at the end of the drain"))
            }
        }
    }
}
