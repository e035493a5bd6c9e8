//! The command line: `serve`, `check`, `audit-mapping` and `reconcile`, each with its own options in addition to the shared
//! settings, and `audit-verify`, which has only its own. `serve` is the default.

use std::ffi::OsString;

use clap::{Args as _, FromArgMatches as _};

use super::options::{
    AuditMappingOptions, AuditVerifyOptions, CheckOptions, Command, ReconcileOptions, ServiceCommand,
};
use crate::config::{Arguments, SettingError, refuse_unknown};

const ABOUT: &str = "Lets the owner of a tenant open Stripe's hosted billing portal, for their own tenant and no other";

/// Printed below the long help.
const AFTER_HELP: &str = "Each setting has a variable; a flag takes precedence over its variable. Durations: 500ms, 5s, 1h. Secrets come from \
    files only. If a setting is missing, wrong or unsafe, the process exits with code 64. RUST_LOG sets the log level \
    (default: info).";

/// Printed below the short help.
const EXAMPLE: &str = "Example:
  billing-portal --caller-identity none --stripe-mode test \\
    --principal-jwks jwks.json --principal-issuer https://login.example.com \\
    --return-url-origins https://app.example.com --flags-file flags.json \\
    --database-url sqlite:directory.db --stripe-secret-key-file stripe.key

--help lists every setting.";

/// Printed below the help of `audit-verify`.
const AUDIT_VERIFY_HELP: &str = "Exits with 0 without failures, with 1 after a failure, and with 64 if a file cannot be read. It needs no settings. \
    docs/operate.md says what to do about each result.";

/// What an argument can be.
const EXPECTED: &str = "a flag or one command (serve, check, audit-mapping, reconcile or audit-verify)";

/// Why the process exits without running a command.
#[derive(Debug)]
pub enum EarlyExit {
    /// `--help` or `--version` was given; the text goes to standard output.
    HelpOrVersion(clap::Error),
    /// A setting or an argument is not valid.
    Setting(SettingError),
}

impl From<SettingError> for EarlyExit {
    fn from(error: SettingError) -> Self {
        Self::Setting(error)
    }
}

/// Parses the arguments and the environment, and validates every setting.
///
/// # Errors
/// [`EarlyExit`].
pub fn parse<I, T>(arguments: I) -> Result<Command, EarlyExit>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    refuse_unknown(&command(), std::env::vars_os())?;
    let (name, arguments) = split_command(arguments.into_iter().map(Into::into).collect());
    // Each command is parsed by one flat definition, so that a flag takes precedence over its variable.
    let mut definition = name.map_or_else(command, subcommand);
    let parsed = definition.try_get_matches_from_mut(arguments).and_then(|matches| {
        let command = match name {
            None | Some(CommandName::Serve) => ServiceCommand::Serve,
            Some(CommandName::Check) => ServiceCommand::Check(CheckOptions::from_arg_matches(&matches)?),
            Some(CommandName::AuditMapping) => {
                ServiceCommand::AuditMapping(AuditMappingOptions::from_arg_matches(&matches)?)
            }
            Some(CommandName::Reconcile) => ServiceCommand::Reconcile(ReconcileOptions::from_arg_matches(&matches)?),
            Some(CommandName::AuditVerify) => {
                return Ok(Ok(Command::AuditVerify(AuditVerifyOptions::from_arg_matches(&matches)?)));
            }
        };
        let config = Arguments::from_arg_matches(&matches)?.validate();
        Ok(config.map(|config| Command::Service(command, Box::new(config))))
    });
    match parsed {
        Ok(command) => Ok(command?),
        Err(error) if error.use_stderr() => Err(SettingError::from_clap(&error, &definition, EXPECTED).into()),
        Err(text) => Err(EarlyExit::HelpOrVersion(text)),
    }
}

/// The name of a command.
#[derive(Clone, Copy)]
enum CommandName {
    Serve,
    Check,
    AuditMapping,
    Reconcile,
    AuditVerify,
}

impl CommandName {
    const ALL: [Self; 5] = [Self::Serve, Self::Check, Self::AuditMapping, Self::Reconcile, Self::AuditVerify];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Check => "check",
            Self::AuditMapping => "audit-mapping",
            Self::Reconcile => "reconcile",
            Self::AuditVerify => "audit-verify",
        }
    }
}

/// Removes the command from the arguments, before or after the flags, and returns its name and the remaining arguments. A word
/// after a flag without `=` is the value of the flag.
fn split_command(mut arguments: Vec<OsString>) -> (Option<CommandName>, Vec<OsString>) {
    let takes_value = |flag: &OsString| {
        let flag = flag.to_string_lossy();
        flag.starts_with("--") && !flag.contains('=') && !["--", "--missing"].contains(&&*flag)
    };
    let found = arguments.windows(2).enumerate().find_map(|(position, pair)| {
        let [previous, word] = pair else { return None };
        let name = CommandName::ALL.into_iter().find(|name| word == name.as_str())?;
        (position == 0 || !takes_value(previous)).then_some((name, position + 1))
    });
    let Some((name, position)) = found else { return (None, arguments) };
    arguments.remove(position);
    (Some(name), arguments)
}

/// Returns the definition of the command line, with its commands for the help.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::augment_args(clap::Command::new("billing-portal"))
        .about(ABOUT)
        .version(env!("CARGO_PKG_VERSION"))
        .max_term_width(120)
        .override_usage("billing-portal [COMMAND] <SETTINGS>")
        .after_help(EXAMPLE)
        .after_long_help(AFTER_HELP)
        .subcommand_negates_reqs(true)
        .disable_help_subcommand(true)
        .subcommands(CommandName::ALL.map(subcommand))
}

/// Returns the definition of one command: its own options and the shared settings.
fn subcommand(name: CommandName) -> clap::Command {
    let command = clap::Command::new(name.as_str());
    let (command, about) = match name {
        CommandName::Serve => (command, "Serve gRPC until a signal is received (default)"),
        CommandName::Check => (
            CheckOptions::augment_args(command),
            "Test every setting against the real database, flag file, keys and Stripe",
        ),
        CommandName::AuditMapping => {
            (AuditMappingOptions::augment_args(command), "Compare each tenant's row with its Stripe customer")
        }
        CommandName::Reconcile => {
            (ReconcileOptions::augment_args(command), "Find sessions at Stripe that the audit entries do not have")
        }
        CommandName::AuditVerify => (
            AuditVerifyOptions::augment_args(command),
            "Find missing, repeated, torn and contradictory entries in audit files",
        ),
    };
    let (command, arguments, help) = match name {
        CommandName::Serve | CommandName::Check | CommandName::AuditMapping => {
            (Arguments::augment_args(command), "<SETTINGS>", AFTER_HELP)
        }
        // Its own --audit names the files to read. The setting of the service remains under a hidden name, with its default.
        CommandName::Reconcile => {
            let hide = |audit: clap::Arg| audit.long("audit-target").env(None::<&'static str>).hide(true);
            (Arguments::augment_args(command).mut_arg("audit", hide), "<SETTINGS>", AFTER_HELP)
        }
        CommandName::AuditVerify => (command, "<FILE>...", AUDIT_VERIFY_HELP),
    };
    command
        .about(about)
        .display_name("billing-portal")
        .version(env!("CARGO_PKG_VERSION"))
        .max_term_width(120)
        .override_usage(format!("billing-portal {} [OPTIONS] {arguments}", name.as_str()))
        .after_help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_is_found_before_and_after_flags_but_not_as_a_value() {
        let split = |line: &str| {
            let (name, rest) = split_command(line.split(' ').map(OsString::from).collect());
            (name.map(CommandName::as_str), rest.len())
        };
        for (line, expected) in [
            ("billing-portal", (None, 1)),
            ("billing-portal check --flag-key x", (Some("check"), 3)),
            ("billing-portal --flag-key=x check", (Some("check"), 2)),
            ("billing-portal --flag-key x audit-mapping --missing", (Some("audit-mapping"), 4)),
            ("billing-portal --missing audit-mapping", (Some("audit-mapping"), 2)),
            ("billing-portal --flag-key check", (None, 3)),
            ("billing-portal checks", (None, 2)),
            ("billing-portal check serve", (Some("check"), 2)),
            ("billing-portal audit-verify check", (Some("audit-verify"), 2)),
        ] {
            assert_eq!(split(line), expected, "{line}");
        }
    }
}
