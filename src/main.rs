//! Parses the arguments, runs one command, and sets the exit code.

use std::{process::ExitCode, time::Duration};

use billing_portal::{
    commands::{self, Command, Failure, Stop},
    telemetry,
};

/// How long blocking threads may take to end.
const THREADS_GRACE: Duration = Duration::from_secs(1);

/// A setting stops the start (sysexits.h: EX_USAGE).
const EXIT_SETTINGS: u8 = 64;

fn main() -> ExitCode {
    let (command, config) = match commands::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(Stop::Printed(text)) => return if text.print().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        Err(Stop::Setting(error)) => return print_error(&error),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            print_error(&format!("threads cannot be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    // A report on standard output is accompanied by warnings only.
    let level = if matches!(command, Command::Serve) { "info" } else { "warn" };
    let exporters = {
        // The runtime carries the exports.
        let _guard = runtime.enter();
        match telemetry::install(config.logging.format, level) {
            Ok(exporters) => exporters,
            Err(error) => return print_error(&error),
        }
    };
    let code = match runtime.block_on(commands::run(command, config)) {
        Ok(code) => code,
        Err(Failure::Setting(error)) => print_error(&error),
        Err(Failure::Failed { what, source }) => {
            tracing::error!(error = %source, "{what}");
            ExitCode::FAILURE
        }
    };
    // Sends the last spans and metrics while there is a runtime to carry them.
    drop(exporters);
    // A thread that is blocked on a file or a pipe does not keep the process alive.
    runtime.shutdown_timeout(THREADS_GRACE);
    code
}

/// Prints why there is nothing to run, and returns the exit code for a wrong setting.
#[allow(clippy::print_stderr, reason = "before the logs are installed there is only standard error")]
fn print_error(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("billing-portal: {error}");
    ExitCode::from(EXIT_SETTINGS)
}
