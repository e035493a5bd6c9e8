//! Limits on the certificates that a peer sends, before the library looks for a path through them. The search can take
//! seconds for a chain that was made for it, and nothing can interrupt it.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use x509_parser::{certificate::X509Certificate, extensions::KeyUsage, prelude::FromDer as _};

/// The maximum number of intermediate certificates. Public and private CAs have one or two.
const MAX_INTERMEDIATES: usize = 4;

/// A verifier that looks only at short chains.
#[derive(Debug)]
pub(super) struct ShortChains<V: ?Sized>(pub(super) Arc<V>);

/// A chain has too many certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_INTERMEDIATES} intermediate certificates")]
pub struct ChainTooLong;

fn check_length(intermediates: &[CertificateDer<'_>]) -> Result<(), CertificateError> {
    if intermediates.len() > MAX_INTERMEDIATES {
        return Err(CertificateError::Other(OtherError(Arc::new(ChainTooLong))));
    }
    Ok(())
}

/// Returns whether a certificate may be used in a way: its key usage allows it, or it has none (RFC 5280, section 4.2.1.3). The
/// library does not check this.
pub(super) fn allows(certificate: &X509Certificate<'_>, usage: fn(&KeyUsage) -> bool) -> bool {
    certificate.key_usage().is_ok_and(|found| found.is_none_or(|found| usage(found.value)))
}

fn check_usage(certificate: &CertificateDer<'_>, usage: fn(&KeyUsage) -> bool) -> Result<(), CertificateError> {
    let parsed = X509Certificate::from_der(certificate).ok().filter(|(_, parsed)| allows(parsed, usage));
    parsed.map(drop).ok_or(CertificateError::InvalidPurpose)
}

impl ClientCertVerifier for ShortChains<dyn ClientCertVerifier> {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        check_length(intermediates)?;
        check_usage(certificate, KeyUsage::digital_signature)?;
        intermediates.iter().try_for_each(|intermediate| check_usage(intermediate, KeyUsage::key_cert_sign))?;
        self.0.verify_client_cert(certificate, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

impl<V: ServerCertVerifier> ServerCertVerifier for ShortChains<V> {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        check_length(intermediates)?;
        self.0.verify_server_cert(certificate, intermediates, name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
