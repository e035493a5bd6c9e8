//! Opens what the settings name: the directory, the flag file, the key set, Stripe's key, the audit log.

use std::{fmt::Display, path::Path, sync::Arc, time::Duration};

use url::Url;

use crate::{
    adapters::{
        audit_log::JsonAuditLog,
        directory::{ConnectionLimits, Database, Dialect, Password, Relations, Select, SqlDirectory},
        flag::{self, Definition},
        stripe::{Attempts, Mode, Pace, SecretKey, StripeObjects, StripePortalSessions, Transport},
    },
    config::{
        AuditTarget, Config, DirectoryConfig, FlagConfig, KeySource, PrincipalConfig, SettingError, StripeAccount,
        StripeLimits,
    },
    egress::Proxy,
    grpc::auth::{
        jwks::{self, KeySet},
        keys::{Keys, Source},
        token::Verifier,
    },
    reload::{Source as ReloadedSource, file::ReloadingFile, url::ReloadingUrl},
};

/// Receives each file and URL that is opened and read again later.
pub type Sources = Vec<Arc<dyn ReloadedSource>>;

/// Opens the key set. A file must be valid. A URL that cannot be reached is fetched again later.
pub(crate) async fn verifier(config: &PrincipalConfig, sources: &mut Sources) -> Result<Verifier, SettingError> {
    const NAME: &str = "--principal-jwks";
    let parse = |bytes: &[u8]| jwks::parse(bytes).inspect(|keys| log_skipped(NAME, keys));
    let source = match &config.jwks {
        KeySource::File(path) => {
            let file = ReloadingFile::open_document(NAME, path.clone(), parse).await;
            require_valid(&file, NAME, path.display(), "a JSON Web Key Set")?;
            sources.push(file.source());
            Source::File(file)
        }
        KeySource::Url(url) => {
            log_proxy(NAME, config.jwks_proxy.as_ref());
            let (refresh, proxy) = (config.jwks_refresh, config.jwks_proxy.as_ref());
            let fetched = ReloadingUrl::open(NAME, url.clone(), parse, refresh, proxy).await;
            let problem = |error| format!("cannot use the URL as a JSON Web Key Set: {error}");
            let url = fetched.map_err(|error| SettingError::new(NAME, problem(error)))?;
            sources.push(url.source());
            Source::Url(url)
        }
    };
    Ok(Verifier::new(Arc::new(Keys::new(source, config.jwks_max_age)), config.rules.clone()))
}

/// Logs the keys of a new set that cannot be used: tokens that they sign are refused.
fn log_skipped(setting: &str, keys: &KeySet) {
    if !keys.skipped().is_empty() {
        tracing::info!(setting, usable = keys.count(), skipped = %keys.skipped(), "keys skipped");
    }
}

/// Creates the sender of the requests of a call.
pub(crate) async fn portal_sessions(
    config: &Config,
    sources: &mut Sources,
) -> Result<StripePortalSessions, SettingError> {
    let attempts = service_attempts(config, sources).await?;
    Ok(StripePortalSessions::new(attempts, Pace::new(config.limits.stripe_rate), config.stripe.sessions.clone()))
}

/// Creates the sender of a command that reads other objects than a call does, with the key and the rate of the service.
pub(crate) async fn service_objects(config: &Config) -> Result<StripeObjects, SettingError> {
    let attempts = service_attempts(config, &mut Vec::new()).await?;
    Ok(StripeObjects::new(attempts, Pace::new(config.limits.stripe_rate)))
}

/// Reads the service's key and creates a pool of connections, which are opened on first use.
async fn service_attempts(config: &Config, sources: &mut Sources) -> Result<Attempts, SettingError> {
    let stripe = &config.stripe;
    let mode: Mode = stripe.sessions.mode;
    let parse = move |bytes: &[u8]| SecretKey::parse(bytes, mode);
    let key = stripe_key("--stripe-secret-key-file", &stripe.secret_key_file, parse).await?;
    sources.push(key.source());
    attempts(key, &stripe.api_base, stripe.proxy.as_ref(), config.limits.stripe_attempt_timeout)
}

/// Reads a file with a Stripe key.
///
/// # Errors
/// If the file does not contain a key that `parse` accepts.
pub async fn stripe_key<E: Display>(
    setting: &'static str,
    path: &Path,
    parse: impl Fn(&[u8]) -> Result<SecretKey, E> + Send + Sync + 'static,
) -> Result<ReloadingFile<SecretKey>, SettingError> {
    let key = ReloadingFile::open_secret(setting, path.to_owned(), parse).await;
    require_valid(&key, setting, path.display(), "the key for --stripe-mode")?;
    Ok(key)
}

/// Creates the sender of a tool beside the service, with a pool of its own.
///
/// # Errors
/// If the system has no trusted root certificates.
pub fn stripe_objects(
    key: ReloadingFile<SecretKey>,
    account: &StripeAccount,
    limits: StripeLimits,
) -> Result<StripeObjects, SettingError> {
    let attempts = attempts(key, &account.api_base, account.proxy.as_ref(), limits.attempt_timeout)?;
    Ok(StripeObjects::new(attempts, Pace::new(limits.rate)))
}

fn attempts(
    key: ReloadingFile<SecretKey>,
    api_base: &Url,
    proxy: Option<&Proxy>,
    timeout: Duration,
) -> Result<Attempts, SettingError> {
    log_proxy("--stripe-api-base", proxy);
    let transport = Transport::new(api_base, proxy, timeout, Arc::new(key))
        .map_err(|error| SettingError::new("--stripe-api-base", format!("cannot create a TLS client: {error}")))?;
    Ok(Attempts::new(transport, timeout))
}

/// Logs through which proxy the URL of a setting is reached.
fn log_proxy(setting: &str, proxy: Option<&Proxy>) {
    if let Some(proxy) = proxy {
        tracing::info!(setting, %proxy, "connecting through a proxy");
    }
}

/// Opens the audit log.
pub(crate) fn audit_log(target: &AuditTarget) -> Result<JsonAuditLog, SettingError> {
    let log = match target {
        AuditTarget::Stdout => JsonAuditLog::to_stdout().map_err(|error| error.to_string()),
        AuditTarget::File(path) => JsonAuditLog::to_file(path).map_err(|error| format!("{} {error}", path.display())),
    };
    log.map_err(|problem| SettingError::new("--audit", problem))
}

/// Opens the flag file. It may be missing or invalid; the feature is then off.
pub(crate) async fn flag_file(config: &FlagConfig, sources: &mut Sources) -> ReloadingFile<Definition> {
    let key = config.key.clone();
    let parse = move |bytes: &[u8]| flag::parse(bytes, &key);
    let file = ReloadingFile::open_document("--flags-file", config.file.clone(), parse).await;
    sources.push(file.source());
    file
}

/// Opens the directory: reads the SQL files and the password, and checks that the file with trusted certificates
/// contains one. The time limit of a query is `query_limit`.
///
/// # Errors
/// If a file cannot be used.
pub async fn directory(
    config: &DirectoryConfig,
    query_limit: Duration,
    sources: &mut Sources,
) -> Result<SqlDirectory, SettingError> {
    let dialect = config.database.dialect();
    let relations = Relations {
        schema: config.schema.clone(),
        ownership: config.ownership,
        tenants: select("--tenants-sql-file", config.tenants_sql_file.as_deref(), dialect).await?,
        owners: select("--owners-sql-file", config.owners_sql_file.as_deref(), dialect).await?,
    };
    if let Database::Postgres(server) = &config.database
        && let Some(path) = &server.ssl_root_cert
    {
        let problem = match tokio::fs::read(path).await {
            Ok(pem) if contains_certificate(&pem) => None,
            Ok(_) => Some("does not contain a certificate in PEM format".to_owned()),
            Err(error) => Some(format!("cannot be read: {error}")),
        };
        if let Some(problem) = problem {
            return Err(SettingError::new("DATABASE_URL", format!("sslrootcert {} {problem}", path.display())));
        }
    }
    let password = match &config.password_file {
        Some(path) => {
            const NAME: &str = "--database-password-file";
            let file = ReloadingFile::open_secret(NAME, path.clone(), Password::parse).await;
            // A path is quoted only if it is not the password itself.
            let is_path = path.is_absolute() || path.starts_with(".") || path.starts_with("..");
            let shown = if is_path { path.display().to_string() } else { "the file".to_owned() };
            require_valid(&file, NAME, shown, "the password, on one line")?;
            sources.push(file.source());
            Some(file)
        }
        None => None,
    };
    let limits = ConnectionLimits { max_connections: config.max_connections, query: query_limit };
    Ok(SqlDirectory::new(&config.database, password, &relations, limits))
}

async fn select(setting: &str, path: Option<&Path>, dialect: Dialect) -> Result<Option<Select>, SettingError> {
    let Some(path) = path else { return Ok(None) };
    let text = tokio::fs::read_to_string(path).await;
    let error = |problem: String| SettingError::new(setting, format!("{} {problem}", path.display()));
    let text = text.map_err(|cause| error(format!("cannot be read: {cause}")))?;
    Select::parse(&text, dialect).map(Some).map_err(|cause| error(cause.to_string()))
}

/// Returns an error for a file that must be valid at startup.
pub(super) fn require_valid<T: Send + Sync + 'static>(
    file: &ReloadingFile<T>,
    setting: &str,
    path: impl Display,
    expected: &str,
) -> Result<(), SettingError> {
    match file.error() {
        None => Ok(()),
        Some(error) => Err(SettingError::new(setting, format!("cannot use {path} as {expected}: {error}"))),
    }
}

fn contains_certificate(pem: &[u8]) -> bool {
    String::from_utf8_lossy(pem).contains("-----BEGIN CERTIFICATE-----")
}
