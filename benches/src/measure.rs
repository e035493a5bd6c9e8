//! Measures one situation once.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use billing_portal_bench::{
    closed_loop::{self, Measured},
    usage::Usage,
};
use serde::Serialize;
use tonic::transport::Endpoint;
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, health_client::HealthClient},
};

use crate::{
    collector::Collector,
    contender,
    load::Load,
    process::Process,
    situations::{Server, Situation, Tokens},
    stage::Stage,
    stripe::Stripe,
};

/// Tokens for each second, more than any contender can answer.
const TOKENS_PER_SECOND: f64 = 25_000.0;

/// The part of a measurement that precedes it, with the same load.
const WARM_UP: f64 = 1.0 / 3.0;

/// What one round measured.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    #[serde(flatten)]
    pub measured: Measured,
    /// CPU time of the server for each call.
    pub cpu_us_per_call: f64,
    /// From the start of the process to `SERVING`, or to its listener for contenders without health.
    pub start_ms: Option<f64>,
    /// Resident memory when the server serves.
    pub at_rest_mib: Option<f64>,
    /// Resident memory that was added for each call in flight, when it was highest.
    pub kib_per_call_in_flight: Option<f64>,
    /// Connections to Stripe that were opened after the warm-up, for each call.
    pub new_connections_per_call: Option<f64>,
}

/// Starts a contender with everything it needs, warms it up, and measures it.
///
/// # Errors
/// If a contender cannot be started.
pub async fn measure(situation: &Situation, stage: &mut Stage, seconds: f64) -> Result<Figures> {
    let delay = Duration::from_millis(situation.stripe_ms);
    // At least some calls of each worker.
    let duration = Duration::from_secs_f64(seconds).max(3 * delay);
    let stripe = Stripe::start(delay).await?;
    if situation.server == Server::BareClient {
        return bare_client(situation, stage, &stripe, duration).await;
    }
    let collector = if situation.telemetry { Some(Collector::start().await?) } else { None };
    let command = contender::command(situation, stage, &stripe.url, collector.as_ref()).await?;

    let start = Instant::now();
    let mut process = Process::start(command, situation.processors, stage.path("log"))?;
    let address = process.logged(listening).await?;
    if situation.server == Server::Service {
        serving(&address).await?;
    }
    let start_ms = start.elapsed().as_secs_f64() * 1e3;
    let at_rest = process.usage()?;

    let count = match situation.tokens {
        Tokens::Repeated => 64.0,
        Tokens::Distinct => duration.as_secs_f64() * (1.0 + WARM_UP) * TOKENS_PER_SECOND,
    };
    let tokens = stage.tokens(count as usize, situation.directory.tenants(), situation.role())?;
    let Situation { in_flight, ask, tokens: kind, .. } = *situation;
    let load = Arc::new(Load::connect(&address, in_flight, ask, kind, tokens).await?);
    let run = |duration| {
        let load = Arc::clone(&load);
        let call = move || {
            let load = Arc::clone(&load);
            async move { load.call().await }
        };
        closed_loop::run(in_flight, duration, delay, call)
    };
    run(duration.mul_f64(WARM_UP)).await?;
    let (before, connections) = (process.usage()?, stripe.connections());
    let (measured, highest) = while_watching(&process, run(duration)).await?;
    let after = process.usage()?;
    let new_connections = stripe.connections() - connections;
    Ok(Figures {
        cpu_us_per_call: per_call(after.cpu - before.cpu, &measured),
        start_ms: Some(start_ms),
        at_rest_mib: Some(at_rest.resident_kib / 1_024.0),
        kib_per_call_in_flight: Some((highest - at_rest.resident_kib) / in_flight as f64),
        new_connections_per_call: Some(new_connections as f64 / measured.calls as f64),
        measured,
    })
}

/// Lets a bare client measure itself, because nothing else is between it and Stripe.
async fn bare_client(situation: &Situation, stage: &Stage, stripe: &Stripe, duration: Duration) -> Result<Figures> {
    let mut command = contender::program("floor")?;
    command.arg(format!("--stripe={}", stripe.url));
    command.arg(format!("--client={}", situation.in_flight));
    command.arg(format!("--seconds={}", duration.as_secs_f64()));
    command.arg(format!("--ramp-ms={}", situation.stripe_ms));
    let mut process = Process::start(command, situation.processors, stage.path("log"))?;
    let (measured, cpu): (Measured, Duration) = serde_json::from_str(&process.finished().await?)?;
    Ok(Figures {
        cpu_us_per_call: per_call(cpu, &measured),
        start_ms: None,
        at_rest_mib: None,
        kib_per_call_in_flight: None,
        new_connections_per_call: None,
        measured,
    })
}

fn per_call(cpu: Duration, measured: &Measured) -> f64 {
    cpu.as_secs_f64() * 1e6 / measured.calls as f64
}

/// Returns the result of a run, and the most memory in KiB that the process had meanwhile.
async fn while_watching<T>(process: &Process, run: impl Future<Output = Result<T>>) -> Result<(T, f64)> {
    let mut run = std::pin::pin!(run);
    let mut highest = 0.0_f64;
    loop {
        let Usage { resident_kib, .. } = process.usage()?;
        highest = highest.max(resident_kib);
        if let Ok(result) = tokio::time::timeout(Duration::from_millis(100), &mut run).await {
            return Ok((result?, highest));
        }
    }
}

/// Returns the address of the listener from the line of the log that has it.
fn listening(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    (line["message"] == "listening").then(|| line["address"].as_str().map(str::to_owned))?
}

async fn serving(address: &str) -> Result<()> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    let request = HealthCheckRequest::default();
    let mut changes = HealthClient::new(channel).watch(request).await?.into_inner();
    while let Some(change) = changes.message().await? {
        if change.status == ServingStatus::Serving as i32 {
            return Ok(());
        }
    }
    anyhow::bail!("the health stream ended")
}
