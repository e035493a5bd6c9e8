//! Parses the arguments, runs one command, and sets the exit code.

use std::{process::ExitCode, time::Duration};

use billing_portal::{
    commands::{self, Command, EarlyExit, Failure},
    telemetry,
};

/// How long blocking threads may take to end.
const THREADS_GRACE: Duration = Duration::from_secs(1);

/// The exit code for a setting that is not valid (sysexits.h: EX_USAGE).
const EXIT_SETTINGS: u8 = 64;

fn main() -> ExitCode {
    let (command, config) = match commands::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(EarlyExit::HelpOrVersion(text)) => {
            return if text.print().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(EarlyExit::Setting(error)) => return print_error(&error),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            print_error(&format!("async runtime cannot be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    // Commands that print a report log only warnings and errors.
    let level = if matches!(command, Command::Serve) { "info" } else { "warn" };
    let telemetry = {
        // The exporters start tasks on the runtime.
        let _guard = runtime.enter();
        match telemetry::install(config.logging.format, level) {
            Ok(telemetry) => telemetry,
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
    // Sends the last spans and metrics while the runtime is still running, and writes the last log lines.
    drop(telemetry);
    // A thread that is blocked on a file or a pipe does not keep the process alive.
    runtime.shutdown_timeout(THREADS_GRACE);
    code
}

/// Prints a startup error, and returns the exit code for a setting that is not valid.
#[allow(clippy::print_stderr, reason = "errors at startup occur before logging is installed")]
fn print_error(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("billing-portal: {error}");
    ExitCode::from(EXIT_SETTINGS)
}
