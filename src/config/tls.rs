//! TLS of the gRPC listener, which identifies callers by their certificates.

use std::path::PathBuf;

use super::error::SettingError;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsArguments {
    /// PEM file with the certificate of the listener and its intermediates; read again when it changes; required with mtls
    #[arg(long, env = "BILLING_PORTAL_TLS_CERTIFICATE_FILE", value_name = "FILE", hide_short_help = true)]
    tls_certificate_file: Option<PathBuf>,

    /// PEM file with the private key of that certificate; read again together with it; required with mtls
    #[arg(
        long,
        env = "BILLING_PORTAL_TLS_PRIVATE_KEY_FILE",
        value_name = "FILE",
        hide_short_help = true,
        hide_env_values = true
    )]
    tls_private_key_file: Option<PathBuf>,

    /// PEM file with the CAs that sign the certificates of callers; read again when it changes; required with mtls
    #[arg(long, env = "BILLING_PORTAL_TLS_CLIENT_CA_FILE", value_name = "FILE", hide_short_help = true)]
    tls_client_ca_file: Option<PathBuf>,
}

/// Validated settings.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// The certificate of the listener.
    pub certificate_file: PathBuf,
    /// Its private key.
    pub private_key_file: PathBuf,
    /// The CAs that sign the certificates of callers.
    pub client_ca_file: PathBuf,
}

impl TlsArguments {
    /// Returns `None` without TLS.
    pub(super) fn validate(self, is_mtls: bool) -> Result<Option<TlsConfig>, SettingError> {
        let files = [
            ("--tls-certificate-file", self.tls_certificate_file),
            ("--tls-private-key-file", self.tls_private_key_file),
            ("--tls-client-ca-file", self.tls_client_ca_file),
        ];
        if !is_mtls {
            return match files.iter().find(|(_, file)| file.is_some()) {
                Some((name, _)) => {
                    Err(SettingError::new(name, "has no effect without --caller-identity mtls; remove it, or use mtls"))
                }
                None => Ok(None),
            };
        }
        // File names appear in logs.
        for (name, file) in &files {
            if file.as_ref().is_some_and(|file| file.to_string_lossy().contains("-----BEGIN")) {
                return Err(SettingError::new(
                    name,
                    "contains PEM text instead of a file name; write it to a file, and pass its name",
                ));
            }
        }
        let required = |(name, file): (&str, Option<PathBuf>)| {
            file.ok_or_else(|| SettingError::new(name, "required with --caller-identity mtls"))
        };
        let [certificate_file, private_key_file, client_ca_file] = files.map(required);
        Ok(Some(TlsConfig {
            certificate_file: certificate_file?,
            private_key_file: private_key_file?,
            client_ca_file: client_ca_file?,
        }))
    }
}
