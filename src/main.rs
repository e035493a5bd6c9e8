//! The command line.

use std::process::ExitCode;

use billing_portal::{
    config::{self, Config, Stop},
    server::Server,
    telemetry,
};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};

/// A setting stops the start (sysexits.h: EX_USAGE).
const EXIT_SETTINGS: u8 = 64;

fn main() -> ExitCode {
    let config = match config::read(std::env::args_os()) {
        Ok(config) => config,
        Err(Stop::Told(text)) => return if text.print().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        Err(Stop::Setting(error)) => return setting_error(&error),
    };
    telemetry::install(config.log_format);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failure("no threads can be had", &error),
    };
    runtime.block_on(serve(config))
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
    let (first, second) = (tokio_util::sync::CancellationToken::new(), tokio_util::sync::CancellationToken::new());
    tokio::spawn({
        let (first, second) = (first.clone(), second.clone());
        async move {
            either(&mut terminate, &mut interrupt).await;
            first.cancel();
            either(&mut terminate, &mut interrupt).await;
            second.cancel();
        }
    });
    tokio::select! {
        served = server.serve(listener, first.cancelled()) => match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure("serving ended", &error),
        },
        () = second.cancelled() => {
            tracing::warn!("a second signal ends the drain");
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
