//! Opens what the settings name: the key set, Stripe's key, the audit log. Each is good at the start, or there is none.

use std::sync::Arc;

use crate::{
    adapters::{
        audit_log::LineLog,
        stripe::{Attempts, Mode, SecretKey, StripePortals, Transport},
    },
    config::{AuditTarget, Config, SettingError},
    grpc::{
        keys::{self, Keys},
        token::Verifier,
    },
    hot_file::HotFile,
    portal::AuditLog,
};

pub(super) async fn verifier(config: &Config) -> Result<Verifier, SettingError> {
    let file = HotFile::open("--principal-jwks", config.principal_jwks.clone(), keys::parse).await;
    usable(&file, "--principal-jwks", "give a readable JSON Web Key Set")?;
    Ok(Verifier {
        keys: Keys::new(file, config.principal_jwks_max_age),
        issuer: config.principal_issuer.clone(),
        audience: config.principal_audience.clone(),
        clock_skew: config.principal_clock_skew,
    })
}

pub(super) async fn portals(config: &Config) -> Result<StripePortals, SettingError> {
    let parse = match config.stripe_terms.mode {
        Mode::Live => |bytes: &[u8]| SecretKey::parse(bytes, Mode::Live),
        Mode::Test => |bytes: &[u8]| SecretKey::parse(bytes, Mode::Test),
    };
    let key = HotFile::open("--stripe-secret-key-file", config.stripe_secret_key_file.clone(), parse).await;
    usable(&key, "--stripe-secret-key-file", "give one with a key of --stripe-mode")?;
    let transport = Transport::new(&config.stripe_api_base, Arc::new(key)).map_err(|error| {
        SettingError::new(
            "--stripe-api-base",
            format!("needs the system's trusted roots ({error}); install them, or set SSL_CERT_FILE"),
        )
    })?;
    Ok(StripePortals::new(Attempts::new(transport, config.stripe_attempt_timeout), config.stripe_terms.clone()))
}

/// What must be good at the start, or there is none.
fn usable<T: Send + Sync + 'static>(file: &HotFile<T>, setting: &str, mend: &str) -> Result<(), SettingError> {
    match file.error() {
        None => Ok(()),
        Some(error) => Err(SettingError::new(setting, format!("names a file that can't be used: {error}; {mend}"))),
    }
}

pub(super) fn audit_log(target: &AuditTarget) -> Result<Arc<dyn AuditLog>, SettingError> {
    let log = match target {
        AuditTarget::Stdout => LineLog::to_stdout(),
        AuditTarget::File(path) => LineLog::to_file(path),
    };
    log.map(|log| Arc::new(log) as _).map_err(|error| {
        let problem = format!("can't be opened: {error}; give stdout, or file:PATH in a folder that can be written");
        SettingError::new("--audit", problem)
    })
}
