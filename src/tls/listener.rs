//! TLS of a listener whose clients are verified: TLS 1.3 and HTTP/2 only.

mod problem;

use std::{fmt, sync::Arc, time::SystemTime};

use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier,
    },
    sign::CertifiedKey,
    version::TLS13,
};
use x509_parser::{certificate::X509Certificate, extensions::KeyUsage, prelude::FromDer as _};

use super::{
    PROVIDER,
    chain::{self, ShortChains},
};
use problem::{Dated, problem_of_server};
pub use problem::{EXPIRES_SOON, Finding, Problem};

/// The protocol in the ALPN extension: HTTP/2 over TLS (RFC 9113, section 3.2).
const HTTP2: &[u8] = b"h2";

/// Why a PEM file cannot be used. The text quotes nothing of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// A certificate file without a certificate.
    #[error("does not contain a certificate in PEM format")]
    NoCertificate,
    /// The binary form of a certificate or a key.
    #[error("is in DER format; convert it to PEM format, which begins with -----BEGIN")]
    Der,
    /// A certificate that cannot be read.
    #[error("contains a malformed certificate")]
    MalformedCertificate,
    /// A certificate of a trusted CA that is not one.
    #[error("contains a certificate that is not the certificate of a CA")]
    NotACa,
    /// A private key file with no key, or with several.
    #[error("must contain exactly one private key in PEM format, without a passphrase")]
    NotOnePrivateKey,
    /// The key of another certificate.
    #[error("does not match the first certificate in --tls-certificate-file; the listener's certificate comes first")]
    OtherPrivateKey,
    /// A key of an unsupported kind.
    #[error("contains a malformed or unsupported private key")]
    UnsupportedPrivateKey,
    /// The library rejects the CAs.
    #[error("{0}")]
    Verifier(String),
}

/// Why a certificate and a private key cannot be used together, by the file to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PairError {
    /// The file with the certificate and its intermediates.
    Certificate(PemError),
    /// The file with the private key.
    PrivateKey(PemError),
}

/// The certificate of the listener with its private key.
pub struct ServerCertificate {
    key: Arc<CertifiedKey>,
    /// The certificate and its intermediates.
    chain: Vec<Dated>,
    /// Why clients refuse the certificate, whatever the time.
    problem: Option<Problem>,
}

/// The CAs that sign the certificates of clients.
#[derive(Debug)]
pub struct ClientCas {
    certificates: Vec<CertificateDer<'static>>,
    verifier: Arc<dyn ClientCertVerifier>,
    dated: Vec<Dated>,
}

/// Accepts only clients that name their protocol; the library itself refuses those that name only others.
struct RequireProtocol(Arc<CertifiedKey>);

impl ServerCertificate {
    /// Parses a chain and the private key of its first certificate.
    ///
    /// # Errors
    /// [`PairError`].
    pub fn parse(chain: &[u8], private_key: &[u8]) -> Result<Self, PairError> {
        let chain = certificates(chain).map_err(PairError::Certificate)?;
        let (dated, problem) = examine(&chain).map_err(PairError::Certificate)?;
        let private_key = parse_private_key(private_key).map_err(PairError::PrivateKey)?;
        let key = CertifiedKey::from_der(chain, private_key, &PROVIDER).map_err(|error| {
            let is_other = matches!(error, rustls::Error::InconsistentKeys(_));
            PairError::PrivateKey(if is_other { PemError::OtherPrivateKey } else { PemError::UnsupportedPrivateKey })
        })?;
        Ok(Self { key: Arc::new(key), chain: dated, problem })
    }

    /// Returns when the first of its certificates expires.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.chain.iter().map(|certificate| certificate.not_after).min()
    }

    /// Returns what is wrong with the chain. Clients need each of its certificates.
    #[must_use]
    pub fn findings(&self, now: SystemTime) -> Vec<Finding> {
        let of_first = self.chain.first().zip(self.problem);
        let dated = self.chain.iter().filter_map(|certificate| Some((certificate, certificate.problem(now)?)));
        let all = of_first.into_iter().chain(dated);
        all.map(|(certificate, problem)| certificate.finding(problem, !matches!(problem, Problem::ExpiresSoon(_))))
            .collect()
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
        f.debug_struct("ServerCertificate").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl ClientCas {
    /// Parses the certificates of CAs.
    ///
    /// # Errors
    /// [`PemError`].
    pub fn parse(pem: &[u8]) -> Result<Self, PemError> {
        let certificates = certificates(pem)?;
        let (mut roots, mut dated) = (RootCertStore::empty(), Vec::new());
        for (index, certificate) in certificates.iter().enumerate() {
            let parsed = parse(certificate)?;
            // The library trusts what is in its store to sign, whatever it is. A client must not sign for others.
            if !parsed.is_ca() || !chain::allows(&parsed, KeyUsage::key_cert_sign) {
                return Err(PemError::NotACa);
            }
            dated.push(Dated::new(index, &parsed));
            roots.add(certificate.clone()).map_err(|_| PemError::MalformedCertificate)?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&PROVIDER)).build();
        let verifier = Arc::new(ShortChains(verifier.map_err(|error| PemError::Verifier(error.to_string()))?));
        Ok(Self { certificates, verifier, dated })
    }

    /// Returns when the first of them expires.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.dated.iter().map(|certificate| certificate.not_after).min()
    }

    /// Returns what is wrong with them. One that is valid is enough for the callers that it signs.
    #[must_use]
    pub fn findings(&self, now: SystemTime) -> Vec<Finding> {
        let is_any_valid = self.dated.iter().any(|certificate| certificate.is_valid(now));
        let problem = |certificate: &Dated| Some(certificate.finding(certificate.problem(now)?, !is_any_valid));
        self.dated.iter().filter_map(problem).collect()
    }
}

impl PartialEq for ClientCas {
    fn eq(&self, other: &Self) -> bool {
        self.certificates == other.certificates
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

/// Returns when the certificates of a server are valid, and why clients refuse the first one.
fn examine(chain: &[CertificateDer<'_>]) -> Result<(Vec<Dated>, Option<Problem>), PemError> {
    let parsed = chain.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let dated = parsed.iter().enumerate().map(|(index, certificate)| Dated::new(index, certificate)).collect();
    Ok((dated, parsed.first().and_then(problem_of_server)))
}

fn parse_private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    refuse_der(text)?;
    let keys = PrivateKeyDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>();
    let [key] = <[_; 1]>::try_from(keys.unwrap_or_default()).map_err(|_: Vec<_>| PemError::NotOnePrivateKey)?;
    Ok(key)
}

/// Certificates and most keys in DER are a SEQUENCE (X.690) of at least 128 bytes. A shorter key has the error of a file without
/// a key.
fn refuse_der(text: &[u8]) -> Result<(), PemError> {
    if text.starts_with(&[0x30, 0x81]) || text.starts_with(&[0x30, 0x82]) { Err(PemError::Der) } else { Ok(()) }
}

fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    refuse_der(text)?;
    let all = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, pem::Error>>();
    let all = all.map_err(|_| PemError::MalformedCertificate)?;
    if all.is_empty() { Err(PemError::NoCertificate) } else { Ok(all) }
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, PemError> {
    X509Certificate::from_der(certificate).map(|(_, parsed)| parsed).map_err(|_| PemError::MalformedCertificate)
}

#[cfg(test)]
mod tests;
