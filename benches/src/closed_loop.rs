//! Calls with a fixed number in flight: each answer starts the next call.

use std::{
    fmt::Display,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

/// The longest latency that is recorded as it is, in microseconds.
const LONGEST: u64 = 100_000_000;

/// What the calls of one interval measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// Completed calls.
    pub calls: u64,
    /// Calls whose result was not the expected one.
    pub failed: u64,
    /// One of the unexpected results.
    pub failure: Option<String>,
    /// Completed calls per second.
    pub calls_per_second: f64,
    /// Median latency.
    pub p50_ms: f64,
    /// Latency that 99 % of the calls do not exceed.
    pub p99_ms: f64,
    /// Latency that 99.9 % of the calls do not exceed.
    pub p999_ms: f64,
}

/// What all workers have recorded.
struct Record {
    latency: Histogram<u64>,
    failed: u64,
    failure: Option<String>,
}

/// Makes calls for a time. The first calls are spread over `ramp`, so that slow answers do not stay in one burst.
///
/// # Errors
/// If a worker panics.
pub async fn run<E: Display + Send + 'static, F: Future<Output = Result<(), E>> + Send>(
    in_flight: usize,
    duration: Duration,
    ramp: Duration,
    call: impl Fn() -> F + Clone + Send + Sync + 'static,
) -> Result<Measured> {
    let start = Instant::now();
    let record =
        Arc::new(Mutex::new(Record { latency: Histogram::new_with_bounds(1, LONGEST, 3)?, failed: 0, failure: None }));
    let mut workers = JoinSet::new();
    for worker in 0..in_flight {
        let (call, record) = (call.clone(), Arc::clone(&record));
        let first = start + ramp.mul_f64(worker as f64 / in_flight as f64);
        workers.spawn(async move {
            tokio::time::sleep_until(first.into()).await;
            while start.elapsed() < duration {
                let begin = Instant::now();
                let result = call().await;
                let latency = begin.elapsed();
                let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
                record.latency.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
                if let Err(error) = result {
                    record.failed += 1;
                    record.failure = Some(error.to_string());
                }
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker?;
    }
    let elapsed = start.elapsed();
    let record = record.lock().unwrap_or_else(PoisonError::into_inner);
    let ms = |quantile| record.latency.value_at_quantile(quantile) as f64 / 1e3;
    Ok(Measured {
        calls: record.latency.len(),
        failed: record.failed,
        failure: record.failure.clone(),
        calls_per_second: record.latency.len() as f64 / elapsed.as_secs_f64(),
        p50_ms: ms(0.5),
        p99_ms: ms(0.99),
        p999_ms: ms(0.999),
    })
}
