//! The command line: `serve`, `check` and `audit-mapping`, each with its own options beside the shared settings. Without a command,
//! the process serves.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args as _, FromArgMatches as _};

use crate::{
    commands::report::ReportFormat,
    config::{Arguments, Config, SettingError, refuse_unknown},
};

const ABOUT: &str = "Lets the owner of a tenant open Stripe's hosted billing portal, for their own tenant and no other";

/// Printed below the help.
const AFTER_HELP: &str = "Every flag has a variable; a flag wins over its variable. Durations: 500ms, 5s, 1h. Secrets come from \
    files only. A setting that is missing, wrong or unsafe stops the start with exit code 64. RUST_LOG sets the log level \
    (default: info).";

/// Printed below the short help.
const EXAMPLE: &str = "Example:
  billing-portal --caller-identity none --stripe-mode test \\
    --principal-jwks jwks.json --principal-issuer https://login.example.com \\
    --return-url-origins https://app.example.com --flags-file flags.json \\
    --database-url sqlite:directory.db --stripe-secret-key-file stripe.key

--help lists every setting. The command, if any, comes first: billing-portal check …";

/// What the process does.
#[derive(Debug)]
pub enum Command {
    /// Serves gRPC until a signal.
    Serve,
    /// Tests every setting against the real database, flag file, keys and Stripe.
    Check(CheckOptions),
    /// Compares each tenant's row with its Stripe customer.
    AuditMapping(AuditMappingOptions),
}

/// The options of `check`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Report")]
pub struct CheckOptions {
    /// How the report is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "table")]
    pub format: ReportFormat,
}

/// The options of `audit-mapping`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Report")]
pub struct AuditMappingOptions {
    /// How the report is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "table")]
    pub format: ReportFormat,

    /// List only customers that do not name a tenant
    #[arg(long)]
    pub missing: bool,

    /// File that records what was checked, so that a run that ends early can be resumed
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
}

/// Why there is no command to run.
#[derive(Debug)]
pub enum Stop {
    /// `--help` or `--version` was given; the text goes to standard output.
    Printed(clap::Error),
    /// A setting stops the start.
    Setting(SettingError),
}

impl From<SettingError> for Stop {
    fn from(error: SettingError) -> Self {
        Self::Setting(error)
    }
}

impl From<clap::Error> for Stop {
    fn from(error: clap::Error) -> Self {
        if error.use_stderr() { Self::Setting(SettingError::from_clap(&error)) } else { Self::Printed(error) }
    }
}

/// Parses the arguments and the environment, and validates every setting.
///
/// # Errors
/// [`Stop`].
pub fn parse<I, T>(arguments: I) -> Result<(Command, Config), Stop>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    refuse_unknown(std::env::vars_os())?;
    let matches = command().try_get_matches_from(arguments)?;
    let (command, matches) = match matches.subcommand() {
        Some(("check", matches)) => (Command::Check(CheckOptions::from_arg_matches(matches)?), matches),
        Some(("audit-mapping", matches)) => {
            (Command::AuditMapping(AuditMappingOptions::from_arg_matches(matches)?), matches)
        }
        Some((_serve, matches)) => (Command::Serve, matches),
        None => (Command::Serve, &matches),
    };
    Ok((command, Arguments::from_arg_matches(matches)?.validate()?))
}

/// Returns the definition of the command line.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::augment_args(clap::Command::new("billing-portal"))
        .about(ABOUT)
        .version(env!("CARGO_PKG_VERSION"))
        .max_term_width(120)
        .override_usage("billing-portal [COMMAND] <SETTINGS>")
        .after_help(EXAMPLE)
        .after_long_help(AFTER_HELP)
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
        .subcommand_value_name("COMMAND")
        .disable_help_subcommand(true)
        .subcommand(subcommand("serve", "Serve gRPC until a signal (default)", |command| command))
        .subcommand(subcommand(
            "check",
            "Test every setting against the real database, flag file, keys and Stripe",
            CheckOptions::augment_args,
        ))
        .subcommand(subcommand(
            "audit-mapping",
            "Compare each tenant's row with its Stripe customer",
            AuditMappingOptions::augment_args,
        ))
}

/// Returns a command with its own options and the shared settings.
fn subcommand(
    name: &'static str,
    about: &'static str,
    add_options: fn(clap::Command) -> clap::Command,
) -> clap::Command {
    Arguments::augment_args(add_options(clap::Command::new(name)))
        .about(about)
        .max_term_width(120)
        .override_usage(format!("billing-portal {name} [OPTIONS] <SETTINGS>"))
        .after_help(AFTER_HELP)
}
