//! What the settings must be, each and together, before anything binds.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use url::{Host, Url};

use crate::{
    adapters::stripe::{SessionHosts, Terms},
    config::{CallerIdentity, DirectorySettings, LogFormat, Settings, database},
    portal::{ReturnOrigins, return_url::is_loopback},
};

/// The settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The key set's file.
    pub principal_jwks: PathBuf,
    /// `iss`.
    pub principal_issuer: String,
    /// `aud`.
    pub principal_audience: String,
    /// 0 to 5 s.
    pub principal_clock_skew: Duration,
    /// How long the key set may fail to be read.
    pub principal_jwks_max_age: Duration,
    /// Where a person may return to.
    pub return_origins: ReturnOrigins,
    /// Where the directory is, and what is asked of it.
    pub directory: DirectorySettings,
    /// The flag definition's file.
    pub flags_file: PathBuf,
    /// The flag.
    pub flag_key: String,
    /// The Stripe key's file.
    pub stripe_secret_key_file: PathBuf,
    /// Stripe's API.
    pub stripe_api_base: Url,
    /// What is asked of Stripe, and what its answers must say.
    pub stripe_terms: Terms,
    /// Not over the deadline.
    pub stripe_attempt_timeout: Duration,
    /// The cap of a call's time.
    pub deadline: Duration,
    /// The cap of a drain's time.
    pub drain_timeout: Duration,
    /// At least 1.
    pub max_in_flight: usize,
    /// At least 1.
    pub max_connections: usize,
    /// Where audit lines go.
    pub audit: AuditTarget,
    /// None = by the terminal.
    pub log_format: Option<LogFormat>,
    /// Whether server reflection is offered.
    pub reflection: bool,
}

/// Where audit lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditTarget {
    /// Standard output.
    Stdout,
    /// A file that is appended to.
    File(PathBuf),
}

/// A setting that stops the start: its name, what is wrong, and the mend, in one line.
#[derive(Debug)]
pub struct SettingError(String);

impl SettingError {
    /// `setting` is the flag's or the variable's name; `problem` goes on from there.
    #[must_use]
    pub fn new(setting: &str, problem: impl fmt::Display) -> Self {
        Self(format!("{setting} {problem}").replace(['\n', '\r'], " "))
    }

    /// clap explains over several lines; the first ones name the setting and what is wrong.
    pub(super) fn of_clap(error: &clap::Error) -> Self {
        let text = error.to_string();
        let text = text.split("\n\nUsage:").next().unwrap_or_default();
        let text = text.split("\n\nFor more information").next().unwrap_or_default();
        let line = text.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ");
        Self(format!("{line}; see --help"))
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingError {}

/// Checks every setting.
pub(super) fn check(settings: Settings) -> Result<Config, SettingError> {
    if settings.caller_identity == CallerIdentity::None && !settings.listen.ip().is_loopback() {
        return Err(SettingError::new(
            "--caller-identity",
            "none trusts every caller, so --listen must be a loopback address",
        ));
    }
    for (name, text) in [
        ("--principal-issuer", &settings.principal_issuer),
        ("--principal-audience", &settings.principal_audience),
        ("--flag-key", &settings.flag_key),
        ("--stripe-tenant-metadata-key", &settings.stripe_tenant_metadata_key),
    ] {
        if text.is_empty() {
            return Err(SettingError::new(name, "is empty; give a text"));
        }
    }
    check_times(&settings)?;
    for (name, count) in [("--max-in-flight", settings.max_in_flight), ("--max-connections", settings.max_connections)]
    {
        if count == 0 || count > tokio::sync::Semaphore::MAX_PERMITS {
            return Err(SettingError::new(name, "is no usable limit; give at least 1"));
        }
    }
    let directory = database::check(&settings)?;
    let return_origins = ReturnOrigins::parse(&settings.return_url_origins)
        .map_err(|problem| SettingError::new("--return-url-origins", problem))?;
    let stripe_api_base = api_base(&settings.stripe_api_base)?;
    let stripe_terms = terms(&settings, &stripe_api_base)?;
    Ok(Config {
        listen: settings.listen,
        principal_jwks: settings.principal_jwks,
        principal_issuer: settings.principal_issuer,
        principal_audience: settings.principal_audience,
        principal_clock_skew: settings.principal_clock_skew,
        principal_jwks_max_age: settings.principal_jwks_max_age,
        return_origins,
        directory,
        flags_file: settings.flags_file,
        flag_key: settings.flag_key,
        stripe_secret_key_file: key_file(settings.stripe_secret_key_file)?,
        stripe_api_base,
        stripe_terms,
        stripe_attempt_timeout: settings.stripe_attempt_timeout,
        deadline: settings.deadline,
        drain_timeout: settings.drain_timeout,
        max_in_flight: settings.max_in_flight,
        max_connections: settings.max_connections,
        audit: audit(&settings.audit)?,
        log_format: settings.log_format,
        reflection: settings.reflection,
    })
}

fn check_times(settings: &Settings) -> Result<(), SettingError> {
    if settings.principal_clock_skew > Duration::from_secs(5) || settings.principal_clock_skew.subsec_nanos() != 0 {
        return Err(SettingError::new("--principal-clock-skew", "must be 0s to 5s, in whole seconds"));
    }
    for (name, time) in [
        ("--principal-jwks-max-age", settings.principal_jwks_max_age),
        ("--deadline", settings.deadline),
        ("--stripe-attempt-timeout", settings.stripe_attempt_timeout),
        ("--drain-timeout", settings.drain_timeout),
    ] {
        if time.is_zero() || time > Duration::from_secs(7 * 24 * 3_600) {
            return Err(SettingError::new(name, "must be more than 0s, and a week at most"));
        }
    }
    if settings.stripe_attempt_timeout > settings.deadline {
        return Err(SettingError::new("--stripe-attempt-timeout", "is over --deadline; no attempt could use it up"));
    }
    Ok(())
}

/// https, or http on loopback; an origin without anything behind it.
fn api_base(text: &str) -> Result<Url, SettingError> {
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

fn terms(settings: &Settings, api_base: &Url) -> Result<Terms, SettingError> {
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
    if configuration.as_deref().is_some_and(|id| !crate::portal::account::is_stripe_id(id, &["bpc_"])) {
        return Err(SettingError::new("--stripe-portal-configuration", "is no id of a portal configuration (bpc_…)"));
    }
    Ok(Terms {
        mode: settings.stripe_mode,
        configuration,
        tenant_metadata_key: settings.stripe_tenant_metadata_key.clone(),
        session_hosts: SessionHosts::new(hosts.clone()),
    })
}

/// A key in place of its file's name would end in a log.
fn key_file(path: PathBuf) -> Result<PathBuf, SettingError> {
    let text = path.to_string_lossy();
    if ["sk_", "rk_"].iter().any(|prefix| text.starts_with(prefix)) {
        return Err(SettingError::new(
            "--stripe-secret-key-file",
            "holds a key; write it to a file, name the file, and roll the key",
        ));
    }
    Ok(path)
}

fn audit(text: &str) -> Result<AuditTarget, SettingError> {
    match (text, text.strip_prefix("file:")) {
        ("stdout", _) => Ok(AuditTarget::Stdout),
        (_, Some(path)) if !path.is_empty() => Ok(AuditTarget::File(path.into())),
        _ => Err(SettingError::new("--audit", "must be stdout or file:PATH")),
    }
}
