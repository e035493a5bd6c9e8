//! Parses the arguments, runs one command, and sets the exit code.

use std::{
    fmt::Display,
    io::Write as _,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    process::ExitCode,
    time::Duration,
};

use billing_portal::{
    commands::{self, Command, EarlyExit, Failure},
    telemetry,
};

/// How long blocking threads may take to end.
const THREADS_GRACE: Duration = Duration::from_secs(1);

/// The exit code for a setting that is not valid (sysexits.h: EX_USAGE).
const EXIT_SETTINGS: u8 = 64;

fn main() -> ExitCode {
    panic::set_hook(Box::new(exit_on_panic));
    let (command, config) = match commands::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(EarlyExit::HelpOrVersion(text)) => {
            return text.print().map_or_else(
                |error| failure(&format!("standard output cannot be written: {error}")),
                |()| ExitCode::SUCCESS,
            );
        }
        Err(EarlyExit::Setting(error)) => return setting_error(&error),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failure(&format!("async runtime cannot be started: {error}")),
    };
    // Commands that print a report log only warnings and errors.
    let level = if matches!(command, Command::Serve) { "info" } else { "warn" };
    let telemetry = {
        // The exporters start tasks on the runtime.
        let _guard = runtime.enter();
        match telemetry::install(config.logging.format, level) {
            Ok(telemetry) => telemetry,
            Err(error) => return setting_error(&error),
        }
    };
    // A panic is logged when it occurs. It ends the process like any other failure.
    let ended = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(commands::run(command, config))));
    let code = match ended {
        Ok(Ok(code)) => code,
        Err(_) => ExitCode::FAILURE,
        Ok(Err(Failure::Setting(error))) => setting_error(&error),
        Ok(Err(Failure::Failed { what, source })) => {
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

/// Ends the process until logging is installed, which replaces this function. The async runtime panics if it cannot start a
/// thread, and it would then wait forever for the threads that it did start.
fn exit_on_panic(panic: &PanicHookInfo<'_>) {
    let what = panic.payload_as_str().unwrap_or("panic");
    print_error(&format!("startup failed: {}", what.replace(['\n', '\r'], " ")));
    std::process::exit(1);
}

fn failure(what: &str) -> ExitCode {
    print_error(&what);
    ExitCode::FAILURE
}

fn setting_error(error: &dyn Display) -> ExitCode {
    print_error(error);
    ExitCode::from(EXIT_SETTINGS)
}

/// Prints one line, because logging may not be installed yet. Nothing can report that the line cannot be written.
fn print_error(error: &dyn Display) {
    drop(writeln!(std::io::stderr(), "billing-portal: {error}"));
}
