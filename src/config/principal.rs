//! The keys that verify principal tokens.

use std::{path::PathBuf, time::Duration};

use url::Url;

use super::{egress, error::SettingError, value};
use crate::{egress::Proxy, grpc::auth::rules::TokenRules};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Principal keys")]
pub(super) struct PrincipalArguments {
    /// File or https URL of the JSON Web Key Set that verifies principal tokens; read again when it changes
    #[arg(long, env = "BILLING_PORTAL_PRINCIPAL_JWKS", value_name = "FILE|URL")]
    principal_jwks: String,

    /// How often a key set is fetched from its URL, from 1ms to 7days
    #[arg(
        long,
        env = "BILLING_PORTAL_PRINCIPAL_JWKS_REFRESH",
        value_name = "DURATION",
        default_value = "60s",
        value_parser = value::duration::<1, { value::MAX_DURATION }>,
        hide_short_help = true
    )]
    principal_jwks_refresh: Duration,

    /// How long reading the key set may fail before every token is refused, from 1s to 7days; with a URL, longer than
    /// --principal-jwks-refresh
    #[arg(
        long,
        env = "BILLING_PORTAL_PRINCIPAL_JWKS_MAX_AGE",
        value_name = "DURATION",
        default_value = "1h",
        // Not less, because a file is read several times per second.
        value_parser = value::duration::<{ value::SECOND }, { value::MAX_DURATION }>,
        hide_short_help = true
    )]
    principal_jwks_max_age: Duration,
}

/// Validated settings.
#[derive(Clone, Debug)]
pub struct PrincipalConfig {
    /// Where the key set is read from.
    pub jwks: KeySource,
    /// The proxy through which the URL of the key set is reached.
    pub jwks_proxy: Option<Proxy>,
    /// What a token must contain.
    pub rules: TokenRules,
    /// How often a key set is fetched from its URL.
    pub jwks_refresh: Duration,
    /// How long reading the key set may fail before every token is refused.
    pub jwks_max_age: Duration,
}

/// Where the key set is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file.
    File(PathBuf),
    /// An https URL.
    Url(Url),
}

impl PrincipalArguments {
    pub(super) fn validate(self, rules: TokenRules) -> Result<PrincipalConfig, SettingError> {
        let jwks = key_source(&self.principal_jwks)?;
        let (refresh, max_age) = (self.principal_jwks_refresh, self.principal_jwks_max_age);
        if matches!(jwks, KeySource::Url(_)) && max_age <= refresh {
            return Err(SettingError::new("--principal-jwks-max-age", "must be longer than --principal-jwks-refresh"));
        }
        let jwks_proxy = match &jwks {
            KeySource::Url(url) => egress::proxy_for(url, |name| std::env::var_os(name))?,
            KeySource::File(_) => None,
        };
        Ok(PrincipalConfig { jwks, jwks_proxy, rules, jwks_refresh: refresh, jwks_max_age: max_age })
    }
}

fn key_source(text: &str) -> Result<KeySource, SettingError> {
    let error = |problem: &str| SettingError::new("--principal-jwks", problem);
    if text.is_empty() {
        return Err(error("must not be empty; expected a file or an https URL"));
    }
    if !text.contains("://") {
        return Ok(KeySource::File(text.into()));
    }
    let url = value::url(text).ok_or_else(|| error("not a valid URL (expected a file or an https URL)"))?;
    if url.scheme() == "file" {
        return Err(error("expected the name of a file without file://, or an https URL"));
    }
    if url.scheme() != "https" {
        return Err(error("not an https URL; without TLS, anyone on the network could replace the keys"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(error("must not contain user information or a fragment"));
    }
    Ok(KeySource::Url(url))
}
