//! Opens what the settings name: the key set, Stripe's key, the audit log. Each is good at the start, or there is none.

use std::sync::Arc;

use crate::{
    adapters::{
        audit_log::JsonAuditLog,
        stripe::{Attempts, Mode, Pace, SecretKey, StripePortalSessions, Transport},
    },
    config::{AuditTarget, Config, KeySource, SettingError},
    grpc::auth::{
        jwks::{self, Keys, Source},
        token::Verifier,
    },
    portal::AuditLog,
    reload::{file::ReloadingFile, url::ReloadingUrl},
};

pub(crate) async fn verifier(config: &Config) -> Result<Verifier, SettingError> {
    const NAME: &str = "--principal-jwks";
    let source = match &config.principal_jwks {
        KeySource::File(path) => {
            let file = ReloadingFile::open(NAME, path.clone(), jwks::parse).await;
            require_loaded(&file, NAME, "give a readable JSON Web Key Set")?;
            Source::File(file)
        }
        KeySource::Url(url) => {
            let fetched = ReloadingUrl::open(NAME, url.clone(), jwks::parse, config.principal_jwks_refresh).await;
            let problem = |error| format!("names a URL that can't be used: {error}; publish a JSON Web Key Set there");
            Source::Url(fetched.map_err(|error| SettingError::new(NAME, problem(error)))?)
        }
    };
    Ok(Verifier {
        keys: Arc::new(Keys::new(source, config.principal_jwks_max_age)),
        issuer: config.principal_issuer.clone(),
        audience: config.principal_audience.clone(),
        clock_skew: config.principal_clock_skew,
    })
}

pub(crate) async fn portal_sessions(config: &Config) -> Result<StripePortalSessions, SettingError> {
    let parse = match config.stripe_terms.mode {
        Mode::Live => |bytes: &[u8]| SecretKey::parse(bytes, Mode::Live).map_err(|error| error.to_string()),
        Mode::Test => |bytes: &[u8]| SecretKey::parse(bytes, Mode::Test).map_err(|error| error.to_string()),
    };
    let key = ReloadingFile::open("--stripe-secret-key-file", config.stripe_secret_key_file.clone(), parse).await;
    require_loaded(&key, "--stripe-secret-key-file", "give one with a key of --stripe-mode")?;
    let transport = Transport::new(&config.stripe_api_base, Arc::new(key))
        .map_err(|error| SettingError::new("--stripe-api-base", format!("can't be trusted: {error}")))?;
    let attempts = Attempts::new(transport, config.stripe_attempt_timeout);
    Ok(StripePortalSessions::new(attempts, Pace::new(config.stripe_rate), config.stripe_terms.clone()))
}

/// What must be good at the start, or there is none.
pub(crate) fn require_loaded<T: Send + Sync + 'static>(
    file: &ReloadingFile<T>,
    setting: &str,
    mend: &str,
) -> Result<(), SettingError> {
    match file.error() {
        None => Ok(()),
        Some(error) => Err(SettingError::new(setting, format!("names a file that can't be used: {error}; {mend}"))),
    }
}

pub(crate) fn audit_log(target: &AuditTarget) -> Result<Arc<dyn AuditLog>, SettingError> {
    let log = match target {
        AuditTarget::Stdout => JsonAuditLog::to_stdout(),
        AuditTarget::File(path) => JsonAuditLog::to_file(path),
    };
    log.map(|log| Arc::new(log) as _).map_err(|error| {
        let problem = format!("can't be opened: {error}; give stdout, or file:PATH in a folder that can be written");
        SettingError::new("--audit", problem)
    })
}
