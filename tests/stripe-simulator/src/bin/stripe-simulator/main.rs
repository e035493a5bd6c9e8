//! The simulator as a process, for clients in other languages and for load tests.

mod account;
mod arguments;
mod configuration;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use stripe_simulator::{Fault, Mode, Simulator};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::arguments::Arguments;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list_faults {
        let lines = Fault::ALL.iter().map(|fault| format!("{:28}{}\n", fault.name(), fault.description()));
        // The reader may close the pipe early, as `head` does.
        drop(io::stdout().write_all(lines.collect::<String>().as_bytes()));
        return ExitCode::SUCCESS;
    }
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stripe-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> io::Result<()> {
    let with_name = |name: &str, error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"));
    let listener = TcpListener::bind(arguments.listen).await;
    let listener = listener.map_err(|error| with_name(&arguments.listen.to_string(), error))?;
    // Before the address is printed, because its reader may then stop the process.
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stripe = Simulator::start_with(listener, arguments.settings())?;
    // The requests of a load test would fill the memory, and nothing in this process reads them.
    stripe.record_requests(false);
    account::fill(&stripe, arguments)?;
    if let (Some(path), Some(pem)) = (&arguments.ca_file, stripe.ca_pem()) {
        std::fs::write(path, pem).map_err(|error| with_name(&path.display().to_string(), error))?;
    }
    println!("STRIPE_API_BASE={}", stripe.base_url());
    println!("STRIPE_TEST_KEY={}", stripe.secret_key(Mode::Test));
    println!("STRIPE_LIVE_KEY={}", stripe.secret_key(Mode::Live));
    if let Some(path) = &arguments.ca_file {
        println!("STRIPE_CA_FILE={}", path.display());
    }
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}
