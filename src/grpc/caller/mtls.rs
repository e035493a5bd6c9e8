//! Mutual TLS: the certificate of the connection names the caller. The connection has verified it: a trusted CA signed it,
//! it is valid now, and the client has its private key.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use x509_parser::{
    certificate::X509Certificate,
    extensions::GeneralName,
    prelude::{FromDer as _, X509Error},
};

use super::{header::CallerError, istio::is_spiffe_id};

/// What the client certificate of a connection says about the caller. An extension of each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    name: Result<Arc<str>, CertificateError>,
    /// When the certificate expires, if it can be parsed.
    not_after: Option<SystemTime>,
}

/// Why a certificate does not name a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::grpc) enum CertificateError {
    #[error("client certificate cannot be parsed")]
    Malformed,
    #[error("client certificate has a malformed subject alternative name")]
    MalformedName,
    #[error("client certificate has more than one URI")]
    NotOneUri,
    #[error("URI of the client certificate is not a SPIFFE id")]
    NotSpiffe,
    #[error("client certificate has no URI, and more than one DNS name")]
    NotOneDnsName,
    #[error("DNS name of the client certificate is a wildcard, not in lower case, or malformed")]
    BadDnsName,
    #[error("client certificate has neither a URI nor a DNS name")]
    NoName,
}

impl ClientIdentity {
    /// Reads a certificate in DER, which must be verified.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        match parse(certificate) {
            Ok(certificate) => {
                let seconds = u64::try_from(certificate.validity.not_after.timestamp()).unwrap_or_default();
                let not_after = UNIX_EPOCH + Duration::from_secs(seconds);
                Self { name: only_name(&certificate).map(Into::into), not_after: Some(not_after) }
            }
            Err(error) => Self { name: Err(error), not_after: None },
        }
    }

    /// Returns how long the certificate is still valid, if it can be parsed.
    #[must_use]
    pub fn valid_for(&self) -> Option<Duration> {
        Some(self.not_after?.duration_since(SystemTime::now()).unwrap_or_default())
    }
}

/// Returns the identity of the caller.
pub(super) fn identity(client: Option<&ClientIdentity>) -> Result<String, CallerError> {
    let name = &client.ok_or(CallerError::NoCertificate)?.name;
    Ok(name.as_deref().map(str::to_owned).map_err(|error| *error)?)
}

fn parse(certificate: &[u8]) -> Result<X509Certificate<'_>, CertificateError> {
    match X509Certificate::from_der(certificate) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(CertificateError::Malformed),
    }
}

/// Returns the only URI of a certificate, or its only DNS name if it has no URI. Each must look like what it is, because
/// the allowed callers contain both: a URI that is the text of a DNS name must not count as this name. Names of other
/// kinds do not identify a workload.
fn only_name(certificate: &X509Certificate<'_>) -> Result<String, CertificateError> {
    let names = certificate.subject_alternative_name().map_err(|_: X509Error| CertificateError::MalformedName)?;
    let (mut uris, mut dns_names) = (Vec::new(), Vec::new());
    for name in names.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::URI(uri) => uris.push(*uri),
            GeneralName::DNSName(name) => dns_names.push(*name),
            GeneralName::Invalid(..) => return Err(CertificateError::MalformedName),
            GeneralName::OtherName(..)
            | GeneralName::RFC822Name(_)
            | GeneralName::X400Address(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::IPAddress(_)
            | GeneralName::RegisteredID(_) => {}
        }
    }
    match (uris.as_slice(), dns_names.as_slice()) {
        ([uri], _) if is_spiffe_id(uri) => Ok((*uri).to_owned()),
        ([_], _) => Err(CertificateError::NotSpiffe),
        ([_, ..], _) => Err(CertificateError::NotOneUri),
        ([], [name]) if is_dns_name(name) => Ok((*name).to_owned()),
        ([], [_]) => Err(CertificateError::BadDnsName),
        ([], [_, ..]) => Err(CertificateError::NotOneDnsName),
        ([], []) => Err(CertificateError::NoName),
    }
}

/// Returns whether a text is a whole DNS name in lower case, without a wildcard. With a number as its last label, it would be an
/// IP address.
#[must_use]
pub fn is_dns_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 253 && text.split('.').all(is_label) && !text.rsplit('.').next().is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CustomExtension, KeyPair, SanType};

    use super::*;

    const ID: &str = "spiffe://example.org/settings";

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    fn dns(text: &str) -> SanType {
        SanType::DnsName(text.try_into().unwrap())
    }

    fn name_in(certificate: &[u8]) -> Result<String, CertificateError> {
        only_name(&parse(certificate)?)
    }

    fn name_of(names: Vec<SanType>, extensions: Vec<CustomExtension>) -> Result<String, CertificateError> {
        let mut certificate = CertificateParams::default();
        certificate.subject_alt_names = names;
        certificate.custom_extensions = extensions;
        name_in(certificate.self_signed(&KeyPair::generate().unwrap()).unwrap().der())
    }

    #[test]
    fn only_uri_counts_otherwise_only_dns_name() {
        use CertificateError::{BadDnsName, NoName, NotOneDnsName, NotOneUri, NotSpiffe};
        let address = SanType::IpAddress("127.0.0.1".parse().unwrap());
        let email = SanType::Rfc822Name("settings@example.org".try_into().unwrap());
        for (names, expected) in [
            (vec![uri(ID)], Ok(ID)),
            (vec![dns("a.example.org"), uri(ID), dns("b.example.org")], Ok(ID)),
            (vec![dns("settings.example.org")], Ok("settings.example.org")),
            (vec![dns("settings-2.example.org")], Ok("settings-2.example.org")),
            (vec![address.clone(), email.clone(), dns("settings")], Ok("settings")),
            (vec![uri(ID), uri(ID)], Err(NotOneUri)),
            (vec![uri(ID), uri("https://example.org")], Err(NotOneUri)),
            (vec![uri("settings.example.org")], Err(NotSpiffe)),
            (vec![uri("https://example.org/settings")], Err(NotSpiffe)),
            (vec![uri("")], Err(NotSpiffe)),
            (vec![uri("spiffe://example.org/other/../settings"), dns("settings")], Err(NotSpiffe)),
            (vec![dns("a.example.org"), dns("b.example.org")], Err(NotOneDnsName)),
            (vec![dns("settings"), dns("settings")], Err(NotOneDnsName)),
            (vec![dns(ID)], Err(BadDnsName)),
            (vec![dns("*.example.org")], Err(BadDnsName)),
            (vec![dns("Settings.example.org")], Err(BadDnsName)),
            (vec![dns("settings.example.org.")], Err(BadDnsName)),
            (vec![dns("10.0.0.1")], Err(BadDnsName)),
            (vec![dns("settings.-x")], Err(BadDnsName)),
            (vec![dns("settings-.example.org")], Err(BadDnsName)),
            (vec![dns("")], Err(BadDnsName)),
            (vec![address, email], Err(NoName)),
            (vec![], Err(NoName)),
        ] {
            assert_eq!(name_of(names.clone(), vec![]).as_deref(), expected.as_ref().copied(), "{names:?}");
        }
    }

    #[test]
    fn malformed_certificates_and_names_are_refused() {
        let names = |content: &[u8]| CustomExtension::from_oid_content(&[2, 5, 29, 17], content.to_vec());
        // A URI that is not UTF-8, a list that is cut off, and something else.
        for content in [&[0x30, 3, 0x86, 1, 0xff][..], &[0x30, 9, 0x86, 1, b'a'], &[4, 0]] {
            let error = name_of(vec![], vec![names(content)]).unwrap_err();
            assert!([CertificateError::MalformedName, CertificateError::Malformed].contains(&error), "{content:x?}");
        }
        // Two extensions with names.
        assert_eq!(name_of(vec![uri(ID)], vec![names(&[0x30, 0])]), Err(CertificateError::MalformedName));
        let mut certificate = CertificateParams::new(["settings".to_owned()])
            .unwrap()
            .self_signed(&KeyPair::generate().unwrap())
            .unwrap()
            .der()
            .to_vec();
        certificate.push(0);
        assert_eq!(name_in(&certificate), Err(CertificateError::Malformed));
        assert_eq!(name_in(b""), Err(CertificateError::Malformed));
        assert_eq!(identity(None), Err(CallerError::NoCertificate));
    }
}
