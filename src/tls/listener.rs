//! TLS of a listener whose clients are verified: TLS 1.3 and HTTP/2 only.

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier,
    },
    sign::CertifiedKey,
    version::TLS13,
};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _, time::ASN1Time};

/// The protocol in the ALPN extension: HTTP/2 over TLS (RFC 9113, section 3.2).
const HTTP2: &[u8] = b"h2";

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

/// Why PEM files cannot be used. The text quotes nothing of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// A certificate file without a certificate.
    #[error("does not contain a certificate in PEM format")]
    NoCertificate,
    /// A certificate that cannot be read.
    #[error("contains a malformed certificate")]
    MalformedCertificate,
    /// A certificate of a trusted CA that is not one.
    #[error("contains a certificate that is not the certificate of a CA")]
    NotACa,
    /// A private key file with no key, or with several.
    #[error("--tls-private-key-file must contain exactly one private key in PEM format, without a passphrase")]
    NotOnePrivateKey,
    /// The key of another certificate.
    #[error("--tls-private-key-file does not match the certificate")]
    OtherPrivateKey,
    /// A key of an unsupported kind.
    #[error("--tls-private-key-file contains a malformed or unsupported private key")]
    UnsupportedPrivateKey,
    /// The library rejects the CAs.
    #[error("{0}")]
    Verifier(String),
}

/// The certificate of the listener with its private key.
pub struct ServerCertificate {
    key: Arc<CertifiedKey>,
    validity: Validity,
}

/// The CAs that sign the certificates of clients.
#[derive(Debug)]
pub struct ClientCas {
    certificates: Vec<CertificateDer<'static>>,
    verifier: Arc<dyn ClientCertVerifier>,
    validity: Validity,
}

/// When certificates are valid. Of several certificates, the time in which all of them are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: SystemTime,
    /// The last moment.
    pub not_after: SystemTime,
}

/// Accepts only clients that name their protocol; the library itself refuses those that name only others.
struct RequireProtocol(Arc<CertifiedKey>);

impl ServerCertificate {
    /// Parses a chain and the private key of its first certificate.
    ///
    /// # Errors
    /// [`PemError`].
    pub fn parse(chain: &[u8], private_key: &[u8]) -> Result<Self, PemError> {
        let chain = certificates(chain)?;
        let keys = PrivateKeyDer::pem_slice_iter(private_key).collect::<Result<Vec<_>, _>>();
        let [private_key] =
            <[_; 1]>::try_from(keys.unwrap_or_default()).map_err(|_: Vec<_>| PemError::NotOnePrivateKey)?;
        let validity = Validity::of(&chain)?;
        let key = CertifiedKey::from_der(chain, private_key, &PROVIDER).map_err(|error| {
            let is_other = matches!(error, rustls::Error::InconsistentKeys(_));
            if is_other { PemError::OtherPrivateKey } else { PemError::UnsupportedPrivateKey }
        })?;
        Ok(Self { key: Arc::new(key), validity })
    }

    /// Returns when the chain is valid.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }
}

/// The private key fits the certificate, so it is the same if the certificate is.
impl PartialEq for ServerCertificate {
    fn eq(&self, other: &Self) -> bool {
        self.key.cert == other.key.cert
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificate").field("validity", &self.validity).finish_non_exhaustive()
    }
}

impl ClientCas {
    /// Parses the certificates of CAs.
    ///
    /// # Errors
    /// [`PemError`].
    pub fn parse(pem: &[u8]) -> Result<Self, PemError> {
        let certificates = certificates(pem)?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            // The library trusts what is in its store to sign, whatever it is. A client must not sign for others.
            if !parse(certificate)?.is_ca() {
                return Err(PemError::NotACa);
            }
            roots.add(certificate.clone()).map_err(|_| PemError::MalformedCertificate)?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&PROVIDER)).build();
        let verifier = verifier.map_err(|error| PemError::Verifier(error.to_string()))?;
        let validity = Validity::of(&certificates)?;
        Ok(Self { certificates, verifier, validity })
    }

    /// Returns when all of them are valid.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }
}

impl PartialEq for ClientCas {
    fn eq(&self, other: &Self) -> bool {
        self.certificates == other.certificates
    }
}

impl Validity {
    fn of(certificates: &[CertificateDer<'_>]) -> Result<Self, PemError> {
        let parsed = certificates.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let time =
            |time: ASN1Time| UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or_default());
        let not_before = parsed.iter().map(|certificate| time(certificate.validity.not_before)).max();
        let not_after = parsed.iter().map(|certificate| time(certificate.validity.not_after)).min();
        not_before
            .zip(not_after)
            .map(|(not_before, not_after)| Self { not_before, not_after })
            .ok_or(PemError::NoCertificate)
    }
}

impl fmt::Debug for RequireProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireProtocol").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for RequireProtocol {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        hello.alpn().map(|_| Arc::clone(&self.0))
    }
}

/// Returns the configuration of one connection. No session is resumed: its client would not be verified again, although the
/// CAs may have changed since.
///
/// # Errors
/// If the library rejects its own defaults.
pub fn server_config(certificate: &ServerCertificate, clients: &ClientCas) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::clone(&clients.verifier))
        .with_cert_resolver(Arc::new(RequireProtocol(Arc::clone(&certificate.key))));
    config.alpn_protocols = vec![HTTP2.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let all = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, pem::Error>>();
    let all = all.map_err(|_| PemError::MalformedCertificate)?;
    if all.is_empty() { Err(PemError::NoCertificate) } else { Ok(all) }
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, PemError> {
    X509Certificate::from_der(certificate).map(|(_, parsed)| parsed).map_err(|_| PemError::MalformedCertificate)
}

#[cfg(test)]
mod tests;
