//! Every setting: read once from flags and variables, and checked before anything binds.

mod check;
mod choices;
mod database;
mod environment;
mod error;
mod stripe;
mod trust;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{ArgAction, Parser};

pub use check::{AuditTarget, Config};
pub use choices::{CallerIdentity, Command, LogFormat, ReportFormat};
pub use database::DirectorySettings;
pub use error::SettingError;
pub use trust::KeySource;

use crate::adapters::{directory::Ownership, stripe::Mode};

/// What stands below every help text.
const AFTER_HELP: &str = "Every flag has a variable; a flag wins over its variable. Durations: 500ms, 5s, 1h. Secrets \
    come from files only. A setting that is missing, wrong or unsafe stops the start with exit code 64. RUST_LOG chooses \
    the log level (default: info).";

/// Lets the owner of a tenant open Stripe's hosted billing portal, for their own tenant and no other.
#[derive(Debug, Parser)]
#[command(
    name = "billing-portal",
    version,
    max_term_width = 120,
    disable_help_flag = true,
    after_help = AFTER_HELP
)]
pub struct Settings {
    /// Print this help
    #[arg(long, short, action = ArgAction::HelpShort)]
    pub help: Option<bool>,

    /// What to do
    #[arg(value_enum, default_value = "serve")]
    pub command: Command,

    /// Address of the gRPC listener
    #[arg(long, env = "BILLING_PORTAL_LISTEN", default_value = "127.0.0.1:50051")]
    pub listen: SocketAddr,

    /// How the mesh tells the calling workload; none = not at all, on a loopback listener only
    #[arg(long, env = "BILLING_PORTAL_CALLER_IDENTITY", value_enum)]
    pub caller_identity: CallerIdentity,

    /// Identities that may call, comma-separated: SPIFFE ids (istio) or names (linkerd); required with either
    #[arg(long, env = "BILLING_PORTAL_ALLOWED_CALLERS", value_name = "IDENTITIES", value_delimiter = ',')]
    pub allowed_callers: Vec<String>,

    /// File or https URL of the JSON Web Key Set that verifies principal tokens; read again when it changes
    #[arg(long, env = "BILLING_PORTAL_PRINCIPAL_JWKS", value_name = "FILE|URL")]
    pub principal_jwks: String,

    /// The `iss` of every principal token
    #[arg(long, env = "BILLING_PORTAL_PRINCIPAL_ISSUER", value_name = "TEXT")]
    pub principal_issuer: String,

    /// The `aud` of every principal token
    #[arg(long, env = "BILLING_PORTAL_PRINCIPAL_AUDIENCE", value_name = "TEXT", default_value = "billing-portal")]
    pub principal_audience: String,

    /// How far the issuer's clock may differ, 0s to 5s
    #[arg(long, env = "BILLING_PORTAL_PRINCIPAL_CLOCK_SKEW", value_name = "DURATION", default_value = "5s", value_parser = humantime::parse_duration)]
    pub principal_clock_skew: Duration,

    /// How often a key set is fetched from its URL
    #[arg(long, env = "BILLING_PORTAL_PRINCIPAL_JWKS_REFRESH", value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    pub principal_jwks_refresh: Duration,

    /// How long the key set may fail to be read before every token is refused
    #[arg(long, env = "BILLING_PORTAL_PRINCIPAL_JWKS_MAX_AGE", value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    pub principal_jwks_max_age: Duration,

    /// Exact origins that a return URL may have, comma-separated
    #[arg(
        long,
        env = "BILLING_PORTAL_RETURN_URL_ORIGINS",
        value_name = "ORIGINS",
        value_delimiter = ',',
        required = true
    )]
    pub return_url_origins: Vec<String>,

    /// The directory, sqlite:PATH or postgres://USER@HOST/DATABASE?sslmode=verify-full; read only
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: String,

    /// File with the password for PostgreSQL; read again for new connections
    #[arg(long, env = "BILLING_PORTAL_DATABASE_PASSWORD_FILE", value_name = "FILE")]
    pub database_password_file: Option<PathBuf>,

    /// File with a SELECT that yields tenant_id and stripe_customer_id, instead of the view billing_portal_tenants
    #[arg(long, env = "BILLING_PORTAL_TENANTS_SQL_FILE", value_name = "FILE")]
    pub tenants_sql_file: Option<PathBuf>,

    /// File with a SELECT that yields tenant_id and user_id, instead of the view billing_portal_owners
    #[arg(long, env = "BILLING_PORTAL_OWNERS_SQL_FILE", value_name = "FILE")]
    pub owners_sql_file: Option<PathBuf>,

    /// Whether the person must be a present owner in the directory, or the token's role is trusted
    #[arg(long, env = "BILLING_PORTAL_OWNERSHIP", value_enum, default_value = "token-and-directory")]
    pub ownership: Ownership,

    /// File with the flagd flag definition; read again when it changes
    #[arg(long, env = "BILLING_PORTAL_FLAGS_FILE", value_name = "FILE")]
    pub flags_file: PathBuf,

    /// Key of the boolean flag; its targeting key is the tenant
    #[arg(long, env = "BILLING_PORTAL_FLAG_KEY", value_name = "KEY", default_value = "billing-portal")]
    pub flag_key: String,

    /// File with Stripe's restricted or secret key; read again when it changes
    #[arg(long, env = "BILLING_PORTAL_STRIPE_SECRET_KEY_FILE", value_name = "FILE")]
    pub stripe_secret_key_file: PathBuf,

    /// Mode of the key and of every answer
    #[arg(long, env = "BILLING_PORTAL_STRIPE_MODE", value_enum)]
    pub stripe_mode: Mode,

    /// Stripe's API; https, or http on loopback
    #[arg(long, env = "BILLING_PORTAL_STRIPE_API_BASE", value_name = "URL", default_value = "https://api.stripe.com")]
    pub stripe_api_base: String,

    /// Hosts that a session's URL may lie on, comma-separated; a custom domain goes here
    #[arg(
        long,
        env = "BILLING_PORTAL_STRIPE_SESSION_HOSTS",
        value_name = "HOSTS",
        value_delimiter = ',',
        default_value = "billing.stripe.com"
    )]
    pub stripe_session_hosts: Vec<String>,

    /// Portal configuration to use, `bpc_…`; the account's default when not given
    #[arg(long, env = "BILLING_PORTAL_STRIPE_PORTAL_CONFIGURATION", value_name = "ID")]
    pub stripe_portal_configuration: Option<String>,

    /// Key of the customer's metadata that names its tenant
    #[arg(long, env = "BILLING_PORTAL_STRIPE_TENANT_METADATA_KEY", value_name = "KEY", default_value = "tenant_id")]
    pub stripe_tenant_metadata_key: String,

    /// Longest time of a call
    #[arg(long, env = "BILLING_PORTAL_DEADLINE", value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    pub deadline: Duration,

    /// Longest time of one attempt at Stripe
    #[arg(long, env = "BILLING_PORTAL_STRIPE_ATTEMPT_TIMEOUT", value_name = "DURATION", default_value = "4s", value_parser = humantime::parse_duration)]
    pub stripe_attempt_timeout: Duration,

    /// Longest time of a drain
    #[arg(long, env = "BILLING_PORTAL_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "25s", value_parser = humantime::parse_duration)]
    pub drain_timeout: Duration,

    /// Calls at once; more are refused with OVERLOADED
    #[arg(long, env = "BILLING_PORTAL_MAX_IN_FLIGHT", value_name = "COUNT", default_value_t = 1000)]
    pub max_in_flight: usize,

    /// Connections at once; more are closed
    #[arg(long, env = "BILLING_PORTAL_MAX_CONNECTIONS", value_name = "COUNT", default_value_t = 256)]
    pub max_connections: usize,

    /// Sessions a minute per person in a tenant; more are refused with RATE_LIMITED
    #[arg(long, env = "BILLING_PORTAL_SESSION_RATE", value_name = "COUNT", default_value_t = 10)]
    pub session_rate: u32,

    /// Opens a second at Stripe, each one GET and one POST; a call waits in line 1 s at most
    #[arg(long, env = "BILLING_PORTAL_STRIPE_RATE", value_name = "COUNT", default_value_t = 20)]
    pub stripe_rate: u32,

    /// Where audit lines go: stdout or file:PATH
    #[arg(long, env = "BILLING_PORTAL_AUDIT", value_name = "TARGET", default_value = "stdout")]
    pub audit: String,

    /// Format of the logs on standard error; text on a terminal, else json
    #[arg(long, env = "BILLING_PORTAL_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,

    /// check, audit-mapping: how the report is written, a table if not given
    #[arg(long, value_enum)]
    pub format: Option<ReportFormat>,

    /// audit-mapping: list customers without proof only
    #[arg(long)]
    pub missing: bool,

    /// audit-mapping: file that notes what was asked, so that a run that ends early can be gone on with
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,

    /// Whether server reflection is offered
    #[arg(long, env = "BILLING_PORTAL_REFLECTION", value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    pub reflection: bool,
}

/// Why there are no settings to go on with.
#[derive(Debug)]
pub enum Stop {
    /// `--help` or `--version` was asked for; the text goes to standard output.
    ClientError(clap::Error),
    /// A setting stops the start.
    Setting(SettingError),
}

/// Reads the settings from arguments and the environment, and checks them.
///
/// # Errors
/// [`Stop`].
pub fn read<I, T>(arguments: I) -> Result<Config, Stop>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    environment::refuse_unknown(std::env::vars_os()).map_err(Stop::Setting)?;
    let settings = Settings::try_parse_from(arguments).map_err(|error| {
        if error.use_stderr() { Stop::Setting(SettingError::of_clap(&error)) } else { Stop::ClientError(error) }
    })?;
    check::check(settings).map_err(Stop::Setting)
}
