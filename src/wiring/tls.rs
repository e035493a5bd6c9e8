//! TLS of the listener: its files, which are read again when they change, and the expiry of their certificates.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio_util::task::AbortOnDropHandle;

use super::open::{Sources, require_valid};
use crate::{
    config::{SettingError, TlsConfig},
    reload::file::ReloadingFile,
    supervisor,
    telemetry::metrics,
    tls::listener::{ClientCas, ServerCertificate, server_config},
};

/// The flag that names the certificate, and in logs and metrics the pair of certificate and private key.
const CERTIFICATE: &str = "--tls-certificate-file";
/// The flag that names the CAs of clients.
const CLIENT_CA: &str = "--tls-client-ca-file";

/// How long before the expiry of a certificate each day is logged.
pub(crate) const EXPIRES_SOON: Duration = Duration::from_secs(7 * 24 * 3_600);

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The pause between two looks at the clock.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(3_600);

/// TLS of the listener.
#[derive(Debug)]
pub struct ListenerTls {
    files: Arc<TlsFiles>,
    /// Logs certificates that expire, until it is dropped.
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
        for setting in [CERTIFICATE, CLIENT_CA] {
            let observed = Arc::downgrade(&files);
            let expires = move || observed.upgrade()?.expiries().into_iter().find(|(name, _)| *name == setting);
            metrics::watch_expiry(setting, move || expires().map(|(_, at)| at));
        }
        let watched = Arc::clone(&files);
        let expiry = supervisor::spawn("certificate expiry", move || log_expiry(Arc::clone(&watched)));
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

    /// Returns when each of them expires, with its setting.
    fn expiries(&self) -> Vec<(&'static str, SystemTime)> {
        let certificate = self.certificate.get().map(|certificate| (CERTIFICATE, certificate.validity().not_after));
        let client_ca = self.client_ca.get().map(|client_ca| (CLIENT_CA, client_ca.validity().not_after));
        certificate.into_iter().chain(client_ca).collect()
    }
}

/// Opens the certificate of the listener with its private key.
pub(crate) async fn open_certificate(config: &TlsConfig) -> Result<ReloadingFile<ServerCertificate>, SettingError> {
    let paths = [config.certificate_file.clone(), config.private_key_file.clone()];
    let file = ReloadingFile::open_pair(CERTIFICATE, paths, ServerCertificate::parse).await;
    let path = config.certificate_file.display();
    require_valid(&file, CERTIFICATE, path, "a certificate with the key in --tls-private-key-file")?;
    Ok(file)
}

/// Opens the CAs of clients.
pub(crate) async fn open_client_ca(config: &TlsConfig) -> Result<ReloadingFile<ClientCas>, SettingError> {
    let file = ReloadingFile::open_secret(CLIENT_CA, config.client_ca_file.clone(), ClientCas::parse).await;
    require_valid(&file, CLIENT_CA, config.client_ca_file.display(), "the CAs of callers")?;
    Ok(file)
}

/// Logs each certificate that expires soon: once when it is loaded, and then once per day.
async fn log_expiry(files: Arc<TlsFiles>) {
    let (mut certificates, mut client_cas) = (files.certificate.changes(), files.client_ca.changes());
    let mut logged = Vec::new();
    loop {
        let now = SystemTime::now();
        let expiring: Vec<_> = files
            .expiries()
            .into_iter()
            .map(|(setting, at)| {
                (setting, at, at.duration_since(now).map_or(0, |left| left.as_secs().div_ceil(DAY.as_secs())))
            })
            .filter(|(_, at, _)| now + EXPIRES_SOON >= *at)
            .collect();
        for expiry in &expiring {
            if !logged.contains(expiry) {
                log(*expiry);
            }
        }
        logged = expiring;
        tokio::select! {
            Ok(()) = certificates.changed() => {}
            Ok(()) = client_cas.changed() => {}
            () = tokio::time::sleep(EXPIRY_INTERVAL) => {}
        }
    }
}

fn log((setting, at, days): (&'static str, SystemTime, u64)) {
    let not_after = humantime::format_rfc3339_seconds(at);
    if days == 0 {
        tracing::error!(setting, %not_after, "certificate has expired");
    } else {
        tracing::warn!(setting, %not_after, days, "certificate expires soon");
    }
}
