//! The process of a binary: its panics, its logs and its exit code.

use std::{
    fmt::Display,
    io::Write as _,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    process::ExitCode,
    time::Duration,
};

use crate::{
    commands::{EarlyExit, Failure},
    telemetry::{self, LogFormat},
};

/// How long blocking threads may take to end.
const THREADS_GRACE: Duration = Duration::from_secs(1);

/// The exit code for a setting that is not valid (sysexits.h: EX_USAGE).
const EXIT_SETTINGS: u8 = 64;

/// Parses the settings, runs what they say, and returns the exit code. `parse` returns the format of the logs, their
/// default level, and the work. `program` is the name in messages.
pub fn execute<F>(
    program: &'static str,
    parse: impl FnOnce() -> Result<(Option<LogFormat>, &'static str, F), EarlyExit>,
) -> ExitCode
where
    F: Future<Output = Result<ExitCode, Failure>>,
{
    let printer = Printer { program };
    panic::set_hook(Box::new(move |panic| printer.exit_on_panic(panic)));
    let (format, level, work) = match parse() {
        Ok(parsed) => parsed,
        Err(EarlyExit::HelpOrVersion(text)) => {
            return text.print().map_or_else(
                |error| printer.failure(&format!("standard output cannot be written: {error}")),
                |()| ExitCode::SUCCESS,
            );
        }
        Err(EarlyExit::Setting(error)) => return printer.setting_error(&error),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return printer.failure(&format!("async runtime cannot be started: {error}")),
    };
    let telemetry = {
        // The exporters start tasks on the runtime.
        let _guard = runtime.enter();
        match telemetry::install(format, level) {
            Ok(telemetry) => telemetry,
            Err(error) => return printer.setting_error(&error),
        }
    };
    // A panic is logged when it occurs. It ends the process like any other failure.
    let ended = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
    let code = match ended {
        Ok(Ok(code)) => code,
        Err(_) => ExitCode::FAILURE,
        Ok(Err(Failure::Setting(error))) => printer.setting_error(&error),
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

#[derive(Clone, Copy)]
struct Printer {
    program: &'static str,
}

impl Printer {
    /// Ends the process until logging is installed, which replaces this function. The async runtime panics if it cannot
    /// start a thread, and it would then wait forever for the threads that it did start.
    fn exit_on_panic(self, panic: &PanicHookInfo<'_>) {
        let what = panic.payload_as_str().unwrap_or("panic");
        self.print(&format!("startup failed: {}", what.replace(['\n', '\r'], " ")));
        std::process::exit(1);
    }

    fn failure(self, what: &str) -> ExitCode {
        self.print(&what);
        ExitCode::FAILURE
    }

    fn setting_error(self, error: &dyn Display) -> ExitCode {
        self.print(error);
        ExitCode::from(EXIT_SETTINGS)
    }

    /// Prints one line, because logging may not be installed yet. Nothing can report that the line cannot be written.
    fn print(self, error: &dyn Display) {
        drop(writeln!(std::io::stderr(), "{}: {error}", self.program));
    }
}
