//! The command line. It shares the settings of the service that matter here, by flag and by variable.

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use billing_portal::{
    commands::{self, EarlyExit, report::ReportFormat},
    config::{
        BACKFILL_KEY_FILE, DirectoryConfig, LoggingArguments, LoggingConfig, SettingError, StripeAccount,
        StripeAccountArguments, StripeLimits, StripeLimitsArguments, TenantsArguments, key_file, refuse_unknown,
    },
};
use clap::{Args as _, FromArgMatches as _};

use crate::evidence::Evidence;

pub(crate) const PROGRAM: &str = "billing-portal-backfill";

pub(crate) const KEY: &str = "--stripe-backfill-key-file";
pub(crate) const SERVICE_KEY: &str = "--stripe-secret-key-file";

const ABOUT: &str = "Records each tenant of the directory in the metadata of its Stripe customer";

/// Printed below the long help.
const AFTER_HELP: &str = "Without --write, nothing is written: the report says what would be. A customer that names a different tenant is \
    never changed. Exits with 1 if anything is contradictory or failed, and with 64 if a setting is missing, wrong or unsafe. \
    Variables are those of the service; a flag takes precedence over its variable. Durations: 500ms, 5s, 1h. RUST_LOG sets \
    the log level (default: warn).";

/// Printed below the short help.
const EXAMPLE: &str = "Example:
  billing-portal-backfill --database-url sqlite:directory.db --stripe-mode test \\
    --stripe-backfill-key-file backfill.key --stripe-secret-key-file stripe.key \\
    --evidence subscription-metadata:org_id --format csv > backfill.csv

--help lists every setting.";

// The service explains these two by its calls.
const ATTEMPT_HELP: &str =
    "Maximum duration of one attempt at Stripe, from 1ms to 7days; a request with its attempts takes at most 30s";
const RATE_HELP: &str =
    "Maximum requests to Stripe per second, from 1 to 10000; by default 20 in live mode and 10 in test mode";

/// Stripe's limit for the key of a metadata entry, in characters.
const MAX_METADATA_KEY: usize = 40;

#[derive(Debug, clap::Args)]
struct Arguments {
    #[command(flatten)]
    tenants: TenantsArguments,
    #[command(flatten)]
    key: KeyArguments,
    #[command(flatten)]
    account: StripeAccountArguments,
    #[command(flatten)]
    service_key: ServiceKeyArguments,
    #[command(flatten)]
    run: RunArguments,
    #[command(flatten)]
    limits: StripeLimitsArguments,
    #[command(flatten)]
    logging: LoggingArguments,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Stripe")]
struct KeyArguments {
    /// File with a restricted key of its own, which may write customers
    #[arg(long, env = BACKFILL_KEY_FILE, value_name = "FILE")]
    stripe_backfill_key_file: PathBuf,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Stripe")]
struct ServiceKeyArguments {
    /// File with the service's key, which is refused as the key of the backfill; required for --write
    #[arg(long, env = "BILLING_PORTAL_STRIPE_SECRET_KEY_FILE", value_name = "FILE")]
    stripe_secret_key_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Backfill")]
struct RunArguments {
    /// Write; without this flag, only report what would be written
    #[arg(long)]
    write: bool,

    /// What also names the tenant at Stripe: subscription-metadata:KEY, checkout-metadata:KEY or client-reference-id; repeatable
    #[arg(long, value_name = "KIND")]
    evidence: Vec<String>,

    /// How the report is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "table")]
    format: ReportFormat,

    /// File that records what was done, so that a run that ends early can be resumed
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
}

/// The validated settings.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) directory: DirectoryConfig,
    pub(crate) key_file: PathBuf,
    /// The file with the service's key, if it is known.
    pub(crate) service_key_file: Option<PathBuf>,
    pub(crate) account: StripeAccount,
    pub(crate) limits: StripeLimits,
    pub(crate) logging: LoggingConfig,
    pub(crate) write: bool,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) format: ReportFormat,
    pub(crate) resume: Option<PathBuf>,
}

/// Parses the arguments and the environment, and validates every setting.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Config, EarlyExit> {
    // The environment may be that of the service.
    let service = commands::command();
    let of_service: HashSet<&OsStr> = service.get_arguments().filter_map(clap::Arg::get_env).collect();
    refuse_unknown(&command(), std::env::vars_os().filter(|(name, _)| !of_service.contains(name.as_os_str())))?;
    let mut definition = command();
    let parsed = definition.try_get_matches_from_mut(arguments);
    match parsed.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => Ok(arguments.validate()?),
        Err(error) if error.use_stderr() => Err(SettingError::from_clap(&error, &definition, "a flag").into()),
        Err(text) => Err(EarlyExit::HelpOrVersion(text)),
    }
}

fn command() -> clap::Command {
    Arguments::augment_args(clap::Command::new(PROGRAM))
        .mut_arg("stripe_attempt_timeout", |argument| argument.help(ATTEMPT_HELP))
        .mut_arg("stripe_rate", |argument| argument.help(RATE_HELP))
        .about(ABOUT)
        .version(env!("CARGO_PKG_VERSION"))
        .max_term_width(120)
        .override_usage(format!("{PROGRAM} [OPTIONS] <SETTINGS>"))
        .after_help(EXAMPLE)
        .after_long_help(AFTER_HELP)
}

impl Arguments {
    fn validate(self) -> Result<Config, SettingError> {
        let account = self.account.validate()?;
        if !is_metadata_key(&account.tenant_metadata_key) {
            return Err(SettingError::new("--stripe-tenant-metadata-key", metadata_key_rule()));
        }
        let service_key_file =
            self.service_key.stripe_secret_key_file.map(|path| key_file(SERVICE_KEY, path)).transpose()?;
        if self.run.write && service_key_file.is_none() {
            let problem = "required for --write, because the backfill must not write with the service's key; \
                           name the file with that key";
            return Err(SettingError::new(SERVICE_KEY, problem));
        }
        Ok(Config {
            directory: self.tenants.validate()?,
            key_file: key_file(KEY, self.key.stripe_backfill_key_file)?,
            service_key_file,
            limits: self.limits.validate(account.mode),
            account,
            logging: self.logging.validate(),
            write: self.run.write,
            evidence: Evidence::parse_all(&self.run.evidence)?,
            format: self.run.format,
            resume: self.run.resume,
        })
    }
}

/// Returns whether Stripe accepts a text as the key of a metadata entry: <https://docs.stripe.com/api/metadata>.
pub(crate) fn is_metadata_key(key: &str) -> bool {
    (1..=MAX_METADATA_KEY).contains(&key.chars().count()) && !key.contains(['[', ']'])
}

pub(crate) fn metadata_key_rule() -> String {
    format!("expected a metadata key: 1 to {MAX_METADATA_KEY} characters without square brackets")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definition_is_valid() {
        command().debug_assert();
    }

    #[test]
    fn metadata_key_has_the_limits_of_stripe() {
        assert!(["tenant_id", "a b", &"k".repeat(40)].into_iter().all(is_metadata_key));
        assert!(!["", "a[b]", "]", &"k".repeat(41)].into_iter().any(is_metadata_key));
    }
}
