//! Measures the service beside what cannot be saved, and beside what a team would write instead. `benches/run` builds
//! everything in release mode and starts this in the root of the checkout.

mod bars;
mod collector;
mod contender;
mod footprint;
mod load;
mod measure;
mod plot;
mod postgres;
mod process;
mod report;
mod situations;
mod stage;
mod stripe;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::Parser;
use footprint::Footprint;
use report::{Row, Rows};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use situations::Situation;
use stage::Stage;
use tokio::signal::unix::{SignalKind, signal};

/// The processor of the driver, of Stripe, and of PostgreSQL.
const DRIVER: usize = 1;

/// Measures billing-portal beside a bare gRPC server and its peers, in turns, and prints the medians as Markdown tables.
#[derive(Parser)]
#[command(name = "benches/run", bin_name = "benches/run")]
struct Arguments {
    /// Measure only the situations whose name contains one of these texts
    names: Vec<String>,
    /// How often each situation is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each measurement takes, after a warm-up of a third of it
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Also measure how long builds take, which itself takes minutes
    #[arg(long)]
    build: bool,
    /// Also write the figures of all rounds to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also write a chart of the CPU time of a call to this file
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

// One thread, so that the driver and Stripe do not wake each other up.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut terminate = signal(SignalKind::terminate())?;
    // Everything that was started is stopped when its owner is dropped.
    tokio::select! {
        result = run(&arguments) => result,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        _ = terminate.recv() => anyhow::bail!("terminated"),
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    // 5,000 calls in flight have 10,000 connections to Stripe.
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    process::pin(&[DRIVER])?;
    let is_chosen = |situation: &&Situation| {
        arguments.names.is_empty() || arguments.names.iter().any(|name| situation.name.contains(name.as_str()))
    };
    let situations: Vec<_> = situations::ALL
        .iter()
        .filter(is_chosen)
        .filter(|situation| contender::is_available(situation.server))
        .collect();
    let mut rows = Rows(situations.iter().map(|situation| Row::new(situation)).collect());
    let mut stage = Stage::new()?;
    for round in 1..=arguments.rounds {
        for (situation, row) in situations.iter().zip(&mut rows.0) {
            eprint!("\rround {round} of {}: {:50}", arguments.rounds, situation.name);
            let figures = measure::measure(situation, &mut stage, arguments.seconds).await;
            row.rounds.push(figures.with_context(|| situation.name)?);
        }
    }
    eprintln!("\r{:80}", "");
    let footprint = Footprint::measure(&rows, arguments.build)?;
    let bars = bars::bars(&rows, &footprint);
    println!("{}\n\n{}\n\n{}", rows.table(), footprint.table(), bars::table(&bars));
    if let Some(path) = &arguments.json {
        let json = serde_json::json!({"situations": rows, "footprint": footprint, "bars": bars});
        fs::write(path, serde_json::to_string_pretty(&json)?)?;
    }
    if let Some(path) = &arguments.plot {
        fs::write(path, plot::svg(&rows))?;
    }
    let failures = rows.failures();
    anyhow::ensure!(failures.is_empty(), "calls failed:\n{}", failures.join("\n"));
    Ok(())
}
