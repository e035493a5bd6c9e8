//! The command line.

use std::{process::ExitCode, time::Duration};

use billing_portal::{
    commands,
    config::{self, Command, Config, Stop},
    server::Server,
    telemetry,
};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// How long calls that a second signal has cut off may take to end, audit lines included.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// How long blocking threads may take to end.
const LAST_THREADS: Duration = Duration::from_secs(1);

/// A setting stops the start (sysexits.h: EX_USAGE).
const EXIT_SETTINGS: u8 = 64;

fn main() -> ExitCode {
    let config = match config::read(std::env::args_os()) {
        Ok(config) => config,
        Err(Stop::ClientError(text)) => {
            return if text.print().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(Stop::Setting(error)) => return setting_error(&error),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failure("no threads can be had", &error),
    };
    // A report stands alone, but for what went wrong.
    let level = if config.command == Command::Serve { "info" } else { "warn" };
    let exporters = {
        // What is exported is carried by the runtime.
        let _inside = runtime.enter();
        match telemetry::install(config.log_format, level) {
            Ok(exporters) => exporters,
            Err(error) => return setting_error(&error),
        }
    };
    let code = runtime.block_on(async {
        match config.command {
            Command::Serve => serve(config).await,
            Command::Check => check(&config).await,
            Command::AuditMapping => audit_mapping(&config).await,
        }
    });
    // The last spans and counts, while there is a runtime to carry them.
    drop(exporters);
    // A thread that hangs in a file or a pipe does not keep the process.
    runtime.shutdown_timeout(LAST_THREADS);
    code
}

async fn serve(config: Config) -> ExitCode {
    let address = config.listen;
    let server = match Server::new(config).await {
        Ok(server) => server,
        Err(error) => return setting_error(&error),
    };
    let signals =
        signal(SignalKind::terminate()).and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
    let (mut terminate, mut interrupt) = match signals {
        Ok(signals) => signals,
        Err(error) => return failure("signals can't be received", &error),
    };
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => return failure(&format!("{address} can't be listened on"), &error),
    };
    let (first, second) = (CancellationToken::new(), CancellationToken::new());
    tokio::spawn({
        let (first, second) = (first.clone(), second.clone());
        async move {
            either(&mut terminate, &mut interrupt).await;
            first.cancel();
            either(&mut terminate, &mut interrupt).await;
            tracing::warn!("a second signal ends the drain");
            second.cancel();
            // Whatever still holds the process then is not worth waiting for.
            drop(tokio::time::timeout(LAST_CALLS, either(&mut terminate, &mut interrupt)).await);
            std::process::exit(1);
        }
    });
    match server.serve(listener, first.cancelled(), second.cancelled()).await {
        Ok(()) if second.is_cancelled() => ExitCode::FAILURE,
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure("serving ended", &error),
    }
}

async fn check(config: &Config) -> ExitCode {
    match commands::check::run(config, config.format).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => failure("the report can't be written", &error),
    }
}

async fn audit_mapping(config: &Config) -> ExitCode {
    match commands::audit_mapping::run(config).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(commands::audit_mapping::Failure::Setting(error)) => setting_error(&error),
        Err(error) => {
            tracing::error!(%error, "there is no report");
            ExitCode::FAILURE
        }
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[allow(clippy::print_stderr, reason = "before the logs there is only standard error")]
fn setting_error(error: &config::SettingError) -> ExitCode {
    eprintln!("billing-portal: {error}");
    ExitCode::from(EXIT_SETTINGS)
}

fn failure(what: &str, error: &std::io::Error) -> ExitCode {
    tracing::error!(%error, "{what}");
    ExitCode::FAILURE
}
