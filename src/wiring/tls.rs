//! TLS of the listener: its files, which are read again when they change, and the expiry of their certificates.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio_util::task::AbortOnDropHandle;

use super::open::{Sources, require_valid};
use crate::{
    config::{SettingError, TlsConfig},
    reload::file::{FileError, ReloadingFile},
    supervisor,
    telemetry::metrics,
    tls::listener::{ClientCas, Finding, PairError, Problem, ServerCertificate, server_config},
};

/// The flag that names the certificate, and in logs and metrics the pair of certificate and private key.
const CERTIFICATE: &str = "--tls-certificate-file";
/// The flag that names its private key.
const PRIVATE_KEY: &str = "--tls-private-key-file";
/// The flag that names the CAs of clients.
const CLIENT_CA: &str = "--tls-client-ca-file";

const DAY_SECONDS: u64 = 24 * 3_600;

/// The pause between two looks at the clock.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(3_600);

/// TLS of the listener.
#[derive(Debug)]
pub struct ListenerTls {
    files: Arc<TlsFiles>,
    /// Logs what is wrong with the certificates, until it is dropped.
    _expiry: AbortOnDropHandle<()>,
}

/// The files that the settings name.
#[derive(Debug)]
struct TlsFiles {
    certificate: ReloadingFile<ServerCertificate>,
    client_ca: ReloadingFile<ClientCas>,
}

impl ListenerTls {
    /// Opens the files, exports when their certificates expire, and logs it.
    pub(super) async fn open(config: &TlsConfig, sources: &mut Sources) -> Result<Self, SettingError> {
        let files = Arc::new(TlsFiles::open(config, sources).await?);
        let observed = Arc::downgrade(&files);
        metrics::watch_expiry(CERTIFICATE, move || observed.upgrade()?.certificate.get()?.expires_at());
        let observed = Arc::downgrade(&files);
        metrics::watch_expiry(CLIENT_CA, move || observed.upgrade()?.client_ca.get()?.expires_at());
        let watched = Arc::clone(&files);
        let expiry = supervisor::spawn("certificate expiry", move || log_findings(Arc::clone(&watched)));
        Ok(Self { files, _expiry: expiry })
    }

    /// Returns the configuration of a new connection. Nothing is shared between connections but the content of the files, so
    /// that each connection follows the files as they are now.
    ///
    /// # Errors
    /// If the library rejects its own defaults, or the files were never valid.
    pub(crate) fn config(&self) -> Result<rustls::ServerConfig, rustls::Error> {
        let (certificate, client_ca) = (self.files.certificate.get(), self.files.client_ca.get());
        match (certificate, client_ca) {
            (Some(certificate), Some(client_ca)) => server_config(&certificate, &client_ca),
            _ => Err(rustls::Error::NoCertificatesPresented),
        }
    }
}

impl TlsFiles {
    async fn open(config: &TlsConfig, sources: &mut Sources) -> Result<Self, SettingError> {
        let files = Self { certificate: open_certificate(config).await?, client_ca: open_client_ca(config).await? };
        sources.extend([files.certificate.source(), files.client_ca.source()]);
        Ok(files)
    }

    /// Returns what is wrong with them, with their settings.
    fn findings(&self, now: SystemTime) -> Vec<(&'static str, Finding)> {
        let certificate = self.certificate.get().map_or_else(Vec::new, |certificate| certificate.findings(now));
        let client_ca = self.client_ca.get().map_or_else(Vec::new, |client_ca| client_ca.findings(now));
        let certificate = certificate.into_iter().map(|finding| (CERTIFICATE, finding));
        certificate.chain(client_ca.into_iter().map(|finding| (CLIENT_CA, finding))).collect()
    }
}

/// Opens the certificate of the listener with its private key.
pub(crate) async fn open_certificate(config: &TlsConfig) -> Result<ReloadingFile<ServerCertificate>, SettingError> {
    let paths = [config.certificate_file.clone(), config.private_key_file.clone()];
    let [certificate, private_key] = paths.each_ref().map(|path| path.display().to_string());
    let of_private_key = private_key.clone();
    let parse = move |chain: &[u8], key: &[u8]| {
        ServerCertificate::parse(chain, key).map_err(|error| {
            let (path, error) = match error {
                PairError::Certificate(error) => (&certificate, error),
                PairError::PrivateKey(error) => (&private_key, error),
            };
            FileError::Of(path.clone(), Box::new(FileError::Invalid(error.to_string())))
        })
    };
    let file = ReloadingFile::open_pair(CERTIFICATE, paths, parse).await;
    let Some(error) = file.error() else { return Ok(file) };
    let is_private_key = matches!(&error, FileError::Of(path, _) if *path == of_private_key);
    let setting = if is_private_key { PRIVATE_KEY } else { CERTIFICATE };
    Err(SettingError::new(setting, format!("cannot use {error}")))
}

/// Opens the CAs of clients.
pub(crate) async fn open_client_ca(config: &TlsConfig) -> Result<ReloadingFile<ClientCas>, SettingError> {
    let file = ReloadingFile::open_secret(CLIENT_CA, config.client_ca_file.clone(), ClientCas::parse).await;
    require_valid(&file, CLIENT_CA, config.client_ca_file.display(), "the CAs of callers")?;
    Ok(file)
}

/// Logs each certificate with a problem: once when it is loaded, and then once per day.
async fn log_findings(files: Arc<TlsFiles>) {
    let (mut certificates, mut client_cas) = (files.certificate.changes(), files.client_ca.changes());
    let mut logged = Vec::new();
    loop {
        let now = SystemTime::now();
        for (setting, finding) in not_logged_today(files.findings(now), now, &mut logged) {
            log(setting, &finding, now);
        }
        tokio::select! {
            Ok(()) = certificates.changed() => {}
            Ok(()) = client_cas.changed() => {}
            () = tokio::time::sleep(EXPIRY_INTERVAL) => {}
        }
    }
}

/// Returns the findings that were not logged on the same day (UTC), and remembers all of them.
fn not_logged_today<T: Clone + PartialEq>(findings: Vec<T>, now: SystemTime, logged: &mut Vec<(u64, T)>) -> Vec<T> {
    let today = now.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() / DAY_SECONDS);
    let findings: Vec<_> = findings.into_iter().map(|finding| (today, finding)).collect();
    let new = findings.iter().filter(|finding| !logged.contains(finding)).map(|(_, finding)| finding.clone()).collect();
    *logged = findings;
    new
}

fn log(setting: &'static str, Finding { certificate, problem, is_failure }: &Finding, now: SystemTime) {
    let time = |time: SystemTime| humantime::format_rfc3339_seconds(time);
    match problem {
        Problem::ExpiresSoon(at) => {
            let days = at.duration_since(now).map_or(0, |left| left.as_secs().div_ceil(DAY_SECONDS));
            tracing::warn!(setting, %certificate, not_after = %time(*at), days, "certificate expires soon");
        }
        Problem::Expired(at) if *is_failure => {
            tracing::error!(setting, %certificate, not_after = %time(*at), "certificate has expired");
        }
        Problem::Expired(at) => {
            tracing::warn!(setting, %certificate, not_after = %time(*at), "certificate has expired");
        }
        Problem::NotYetValid(at) if *is_failure => {
            tracing::error!(setting, %certificate, not_before = %time(*at), "certificate is not valid yet");
        }
        Problem::NotYetValid(at) => {
            tracing::warn!(setting, %certificate, not_before = %time(*at), "certificate is not valid yet");
        }
        Problem::NotForServers | Problem::NoName => {
            tracing::error!(setting, %certificate, cause = %problem, "certificate is refused by callers");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_is_logged_when_it_appears_and_then_once_per_day() {
        let (mut logged, day) = (Vec::new(), |day: u64| UNIX_EPOCH + Duration::from_secs(day * DAY_SECONDS));
        let mut log = |findings: &[&'static str], now| not_logged_today(findings.to_vec(), now, &mut logged);
        assert_eq!(log(&["a"], day(1)), ["a"]);
        assert_eq!(log(&["a", "b"], day(1) + EXPIRY_INTERVAL), ["b"]);
        assert_eq!(log(&["a", "b"], day(2)), ["a", "b"]);
        assert_eq!(log(&[], day(3)), [""; 0]);
        assert_eq!(log(&["a"], day(3)), ["a"]);
    }
}
