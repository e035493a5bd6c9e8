//! Stripe: the key, the API, and the values that responses must have.

use std::path::PathBuf;

use url::{Host, Url};

use super::{egress, error::SettingError, value};
use crate::{
    adapters::stripe::{Mode, SessionHosts, SessionSettings},
    egress::Proxy,
    portal::{account::is_stripe_id, return_origins::is_loopback},
};

/// Arguments for the account, whatever its key may do.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Stripe")]
pub struct StripeAccountArguments {
    /// Mode of the key and of every response
    #[arg(long, env = "BILLING_PORTAL_STRIPE_MODE", value_name = "MODE", value_enum)]
    stripe_mode: Mode,

    /// Stripe's API; https, or http on loopback
    #[arg(
        long,
        env = "BILLING_PORTAL_STRIPE_API_BASE",
        value_name = "URL",
        default_value = "https://api.stripe.com",
        hide_short_help = true
    )]
    stripe_api_base: String,

    /// Key of the customer's metadata that names its tenant
    #[arg(
        long,
        env = "BILLING_PORTAL_STRIPE_TENANT_METADATA_KEY",
        value_name = "KEY",
        default_value = "tenant_id",
        hide_short_help = true
    )]
    stripe_tenant_metadata_key: String,
}

/// The account, whatever its key may do.
#[derive(Clone, Debug)]
pub struct StripeAccount {
    /// The mode of the key, and therefore of every response.
    pub mode: Mode,
    /// The base URL of the API.
    pub api_base: Url,
    /// The proxy through which the API is reached.
    pub proxy: Option<Proxy>,
    /// The metadata key by which a customer names its tenant.
    pub tenant_metadata_key: String,
}

impl StripeAccountArguments {
    /// Validates the settings.
    ///
    /// # Errors
    /// The first setting that is wrong or unsafe.
    pub fn validate(self) -> Result<StripeAccount, SettingError> {
        let api_base = api_base(&self.stripe_api_base)?;
        Ok(StripeAccount {
            mode: self.stripe_mode,
            proxy: egress::proxy_for(&api_base, |name| std::env::var_os(name))?,
            api_base,
            tenant_metadata_key: value::non_empty("--stripe-tenant-metadata-key", self.stripe_tenant_metadata_key)?,
        })
    }
}

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Stripe")]
pub(super) struct StripeArguments {
    /// File with Stripe's restricted or secret key; read again when it changes
    #[arg(long, env = "BILLING_PORTAL_STRIPE_SECRET_KEY_FILE", value_name = "FILE", hide_env_values = true)]
    stripe_secret_key_file: PathBuf,

    #[command(flatten)]
    account: StripeAccountArguments,

    /// Hosts that a session URL may have, comma-separated; add a custom domain here
    #[arg(
        long,
        env = "BILLING_PORTAL_STRIPE_SESSION_HOSTS",
        value_name = "HOSTS",
        value_delimiter = ',',
        default_value = "billing.stripe.com",
        hide_short_help = true
    )]
    stripe_session_hosts: Vec<String>,

    /// Portal configuration to use, `bpc_…`; the account's default if not given
    #[arg(long, env = "BILLING_PORTAL_STRIPE_PORTAL_CONFIGURATION", value_name = "ID", hide_short_help = true)]
    stripe_portal_configuration: Option<String>,
}

/// Validated settings.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    /// The file with the key.
    pub secret_key_file: PathBuf,
    /// The base URL of the API.
    pub api_base: Url,
    /// The proxy through which the API is reached.
    pub proxy: Option<Proxy>,
    /// The parameters of session requests, and the values that responses must have.
    pub sessions: SessionSettings,
}

impl StripeArguments {
    pub(super) fn validate(self) -> Result<StripeConfig, SettingError> {
        let StripeAccount { mode, api_base, proxy, tenant_metadata_key } = self.account.validate()?;
        let session_hosts = session_hosts(self.stripe_session_hosts, &api_base)?;
        let configuration = self.stripe_portal_configuration;
        if configuration.as_deref().is_some_and(|id| !is_stripe_id(id, &["bpc_"])) {
            return Err(SettingError::new(
                "--stripe-portal-configuration",
                "not the id of a portal configuration (expected bpc_…)",
            ));
        }
        Ok(StripeConfig {
            secret_key_file: key_file("--stripe-secret-key-file", self.stripe_secret_key_file)?,
            proxy,
            api_base,
            sessions: SessionSettings { mode, configuration, tenant_metadata_key, session_hosts },
        })
    }
}

fn api_base(text: &str) -> Result<Url, SettingError> {
    let error = |problem: &str| SettingError::new("--stripe-api-base", problem);
    let url = value::url(text).ok_or_else(|| error("not a valid URL (example: https://api.stripe.com)"))?;
    if !url.username().is_empty()
        || url.password().is_some()
        || url.path() != "/"
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(error("expected a scheme, a host and a port only (example: https://api.stripe.com)"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(error("expected an https URL (http is allowed on loopback only)")),
    }
}

fn session_hosts(hosts: Vec<String>, api_base: &Url) -> Result<SessionHosts, SettingError> {
    const NAME: &str = "--stripe-session-hosts";
    if hosts.is_empty() {
        return Err(SettingError::new(NAME, "expected at least one host (example: billing.stripe.com)"));
    }
    for (number, host) in (1..).zip(&hosts) {
        let is_host =
            Host::parse(host).is_ok_and(|parsed| matches!(parsed, Host::Domain(_)) && parsed.to_string() == *host);
        let is_loopback_origin =
            Url::parse(host).is_ok_and(|url| is_loopback(&url) && url.origin().ascii_serialization() == *host);
        if is_loopback_origin && !is_loopback(api_base) {
            let problem = format!("entry {number} is a loopback origin, which requires a loopback --stripe-api-base");
            return Err(SettingError::new(NAME, problem));
        }
        if host.contains('*') || !(is_host || is_loopback_origin) {
            let problem = format!(
                "entry {number} is not a host in normalized form: lower case, without a scheme, a port or a wildcard \
                 (example: billing.stripe.com)"
            );
            return Err(SettingError::new(NAME, problem));
        }
    }
    Ok(SessionHosts::new(hosts))
}

/// Refuses a key that is given instead of the name of its file: file names appear in logs.
///
/// # Errors
/// If the text begins as a key does.
pub fn key_file(setting: &str, path: PathBuf) -> Result<PathBuf, SettingError> {
    let text = path.to_string_lossy();
    if ["sk_", "rk_"].iter().any(|prefix| text.starts_with(prefix)) {
        return Err(SettingError::new(
            setting,
            "contains a key instead of a file name; roll the key, write the new key to a file, and pass the name of that file",
        ));
    }
    Ok(path)
}
