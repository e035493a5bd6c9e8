//! Parses the arguments, runs one command, and sets the exit code.

use std::process::ExitCode;

use billing_portal::commands::{self, Command, ServiceCommand, process};

fn main() -> ExitCode {
    process::execute("billing-portal", || {
        let command = commands::parse(std::env::args_os())?;
        // Commands that print a report log only warnings and errors.
        let level = if matches!(command, Command::Service(ServiceCommand::Serve, _)) { "info" } else { "warn" };
        let format = command.config().and_then(|config| config.logging.format);
        Ok((format, level, commands::run(command)))
    })
}
