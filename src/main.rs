//! Parses the arguments, runs one command, and sets the exit code.

use std::process::ExitCode;

use billing_portal::commands::{self, Command, process};

fn main() -> ExitCode {
    process::execute("billing-portal", || {
        let (command, config) = commands::parse(std::env::args_os())?;
        // Commands that print a report log only warnings and errors.
        let level = if matches!(command, Command::Serve) { "info" } else { "warn" };
        Ok((config.logging.format, level, commands::run(command, config)))
    })
}
