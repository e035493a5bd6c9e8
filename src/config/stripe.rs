//! Where Stripe is, what is asked of it, and which of its answers are believed.

use std::path::PathBuf;

use url::{Host, Url};

use crate::{
    adapters::stripe::{SessionHosts, SessionSettings},
    config::{SettingError, Settings},
    portal::{account::is_stripe_id, return_origins::is_loopback},
};

/// https, or http on loopback; an origin without anything behind it.
pub(super) fn api_base(text: &str) -> Result<Url, SettingError> {
    let error = |problem: &str| SettingError::new("--stripe-api-base", problem);
    let url = Url::parse(text).map_err(|_| error("is no URL; give https://api.stripe.com"))?;
    if !url.username().is_empty()
        || url.password().is_some()
        || url.path() != "/"
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(error("must be a scheme, a host and a port only"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(error("must be https, or http on loopback")),
    }
}

pub(super) fn terms(settings: &Settings, api_base: &Url) -> Result<SessionSettings, SettingError> {
    let hosts = &settings.stripe_session_hosts;
    if hosts.is_empty() {
        return Err(SettingError::new("--stripe-session-hosts", "names no host; give billing.stripe.com"));
    }
    for host in hosts {
        let is_host =
            Host::parse(host).is_ok_and(|parsed| matches!(parsed, Host::Domain(_)) && parsed.to_string() == *host);
        let is_loopback_origin =
            Url::parse(host).is_ok_and(|url| is_loopback(&url) && url.origin().ascii_serialization() == *host);
        if is_loopback_origin && !is_loopback(api_base) {
            let problem = format!("holds {host:?}; a loopback origin is for a loopback --stripe-api-base only");
            return Err(SettingError::new("--stripe-session-hosts", problem));
        }
        if host.contains('*') || !(is_host || is_loopback_origin) {
            let problem = format!(
                "holds {host:?}, which is no host as a parser prints it; name hosts, such as billing.stripe.com"
            );
            return Err(SettingError::new("--stripe-session-hosts", problem));
        }
    }
    let configuration = settings.stripe_portal_configuration.clone();
    if configuration.as_deref().is_some_and(|id| !is_stripe_id(id, &["bpc_"])) {
        return Err(SettingError::new("--stripe-portal-configuration", "is no id of a portal configuration (bpc_…)"));
    }
    Ok(SessionSettings {
        mode: settings.stripe_mode,
        configuration,
        tenant_metadata_key: settings.stripe_tenant_metadata_key.clone(),
        session_hosts: SessionHosts::new(hosts.clone()),
    })
}

/// A key in place of its file's name would end in a log.
pub(super) fn key_file(path: PathBuf) -> Result<PathBuf, SettingError> {
    let text = path.to_string_lossy();
    if ["sk_", "rk_"].iter().any(|prefix| text.starts_with(prefix)) {
        return Err(SettingError::new(
            "--stripe-secret-key-file",
            "holds a key; write it to a file, name the file, and roll the key",
        ));
    }
    Ok(path)
}
