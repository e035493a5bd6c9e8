//! What the settings must be, each and together, before anything binds.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use url::Url;

use crate::{
    adapters::stripe::SessionSettings,
    config::{
        Command, DirectorySettings, KeySource, LogFormat, ReportFormat, SettingError, Settings, database, stripe, trust,
    },
    grpc::caller::Callers,
    portal::ReturnOrigins,
};

/// The settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// What to do.
    pub command: Command,
    /// How a report is written.
    pub format: ReportFormat,
    /// Whether only customers without proof are listed.
    pub missing: bool,
    /// Where an audit that ends early is noted.
    pub resume: Option<PathBuf>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Who may call.
    pub callers: Callers,
    /// Where the key set comes from.
    pub principal_jwks: KeySource,
    /// `iss`.
    pub principal_issuer: String,
    /// `aud`.
    pub principal_audience: String,
    /// 0 to 5 s.
    pub principal_clock_skew: Duration,
    /// How often a key set is fetched.
    pub principal_jwks_refresh: Duration,
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
    pub stripe_terms: SessionSettings,
    /// Not over the deadline.
    pub stripe_attempt_timeout: Duration,
    /// The cap of a call's time.
    pub deadline: Duration,
    /// The cap of a drain's time.
    pub drain_timeout: Duration,
    /// Sessions a minute per person in a tenant.
    pub session_rate: NonZeroU32,
    /// Opens a second.
    pub stripe_rate: NonZeroU32,
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

/// Checks every setting.
pub(super) fn check(settings: Settings) -> Result<Config, SettingError> {
    let callers = trust::callers(&settings)?;
    let principal_jwks = trust::key_source(&settings.principal_jwks)?;
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
    let stripe_api_base = stripe::api_base(&settings.stripe_api_base)?;
    let stripe_terms = stripe::terms(&settings, &stripe_api_base)?;
    check_command(&settings)?;
    Ok(Config {
        command: settings.command,
        format: settings.format.unwrap_or_default(),
        missing: settings.missing,
        resume: settings.resume,
        listen: settings.listen,
        callers,
        principal_jwks,
        principal_issuer: settings.principal_issuer,
        principal_audience: settings.principal_audience,
        principal_clock_skew: settings.principal_clock_skew,
        principal_jwks_refresh: settings.principal_jwks_refresh,
        principal_jwks_max_age: settings.principal_jwks_max_age,
        return_origins,
        directory,
        flags_file: settings.flags_file,
        flag_key: settings.flag_key,
        stripe_secret_key_file: stripe::key_file(settings.stripe_secret_key_file)?,
        stripe_api_base,
        stripe_terms,
        stripe_attempt_timeout: settings.stripe_attempt_timeout,
        deadline: settings.deadline,
        drain_timeout: settings.drain_timeout,
        session_rate: rate("--session-rate", settings.session_rate)?,
        stripe_rate: rate("--stripe-rate", settings.stripe_rate)?,
        max_in_flight: settings.max_in_flight,
        max_connections: settings.max_connections,
        audit: audit(&settings.audit)?,
        log_format: settings.log_format,
        reflection: settings.reflection,
    })
}

/// What is for one command only.
fn check_command(settings: &Settings) -> Result<(), SettingError> {
    let is_audit = settings.command == Command::AuditMapping;
    for (name, is_given) in [("--missing", settings.missing), ("--resume", settings.resume.is_some())] {
        if is_given && !is_audit {
            return Err(SettingError::new(name, "is for the command audit-mapping; leave it out"));
        }
    }
    if settings.format.is_some() && settings.command == Command::Serve {
        return Err(SettingError::new("--format", "is for the commands check and audit-mapping; leave it out"));
    }
    Ok(())
}

fn check_times(settings: &Settings) -> Result<(), SettingError> {
    if settings.principal_clock_skew > Duration::from_secs(5) {
        return Err(SettingError::new("--principal-clock-skew", "must be 0s to 5s"));
    }
    if settings.principal_jwks_max_age < Duration::from_secs(1) {
        return Err(SettingError::new(
            "--principal-jwks-max-age",
            "is shorter than the file takes to be read again; give at least 1s",
        ));
    }
    let is_url = settings.principal_jwks.contains("://");
    if is_url && settings.principal_jwks_max_age <= settings.principal_jwks_refresh {
        return Err(SettingError::new("--principal-jwks-max-age", "must be over --principal-jwks-refresh"));
    }
    for (name, time) in [
        ("--principal-jwks-refresh", settings.principal_jwks_refresh),
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

fn rate(name: &str, rate: u32) -> Result<NonZeroU32, SettingError> {
    let most = 10_000;
    NonZeroU32::new(rate)
        .filter(|rate| rate.get() <= most)
        .ok_or_else(|| SettingError::new(name, format!("is no usable rate; give 1 to {most}")))
}

fn audit(text: &str) -> Result<AuditTarget, SettingError> {
    match (text, text.strip_prefix("file:")) {
        ("stdout", _) => Ok(AuditTarget::Stdout),
        (_, Some(path)) if !path.is_empty() => Ok(AuditTarget::File(path.into())),
        _ => Err(SettingError::new("--audit", "must be stdout or file:PATH")),
    }
}
