//! Counts and times each call. Outside the audit, so that a call whose audit outcome cannot be written counts as refused.

use std::{sync::Arc, time::Duration};

use axum::extract::Request;
use tokio::time::Instant;
use tonic::Code;

use crate::{
    grpc::{
        layers::{
            call_id::Call,
            stack::{Handler, Layer, Outcome},
            trace::METHODS,
        },
        status::{code_and_text, code_name},
    },
    portal::{Fault, Reason},
    telemetry::metrics::{METRICS, Waited, measure},
};

/// A call that ends earlier, by its deadline or because its caller leaves, is not too slow: the caller did not wait.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// The layer.
#[derive(Debug)]
pub struct Record;

/// Creates the series of every refusal that counts against the objectives, so that the first one is an increase.
pub fn begin_series() {
    for reason in Reason::ALL.iter().filter(|reason| reason.fault().unwrap_or(Fault::Service) == Fault::Service) {
        for method in METHODS {
            METRICS.refusals(method, reason.as_str(), Fault::Service.as_str(), 0);
        }
    }
}

impl Layer for Record {
    async fn call(&self, request: Request, inside: &Arc<impl Handler>) -> Outcome {
        let call = Call::of(&request)?;
        let started = Instant::now();
        let (outcome, waited) = measure(inside.handle(request)).await;
        let elapsed = started.elapsed();
        match &outcome {
            Ok(_) => {
                METRICS.call(call.method, code_name(Code::Ok), None, elapsed);
                METRICS.added_duration(call.method, waited.added(elapsed));
            }
            Err(refusal) => {
                let reason = refusal.reason();
                let (code, _) = code_and_text(reason);
                METRICS.call(call.method, code_name(code), Some(reason.as_str()), elapsed);
                let fault = reason.fault().unwrap_or_else(|| slowest(elapsed, waited));
                METRICS.refusals(call.method, reason.as_str(), fault.as_str(), 1);
                if let Some(integrity) = refusal.integrity() {
                    METRICS.mapping_integrity(integrity.as_str());
                }
            }
        }
        outcome
    }
}

/// Returns whose fault it is that a call took too long: that of the one that took most of the time.
fn slowest(elapsed: Duration, waited: Waited) -> Fault {
    let added = waited.added(elapsed);
    if elapsed < SHORTEST_WAIT || waited.caller > added.max(waited.stripe) {
        Fault::None
    } else if waited.stripe > added {
        Fault::Stripe
    } else {
        Fault::Service
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_call_is_the_fault_of_the_slowest() {
        let seconds = Duration::from_secs;
        for (elapsed, caller, stripe, expected) in [
            (10, 0, 0, Fault::Service),
            (10, 1, 4, Fault::Service),
            (10, 0, 5, Fault::Service),
            (10, 0, 6, Fault::Stripe),
            (10, 2, 4, Fault::Service),
            (10, 2, 5, Fault::Stripe),
            (2, 2, 0, Fault::None),
            (1, 0, 0, Fault::Service),
            (0, 0, 0, Fault::None),
        ] {
            let waited = Waited { caller: seconds(caller), stripe: seconds(stripe) };
            assert_eq!(slowest(seconds(elapsed), waited), expected, "{elapsed} {waited:?}");
        }
        assert_eq!(slowest(Duration::from_millis(999), Waited::default()), Fault::None);
    }
}
