use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::UnixTime;

use super::*;

fn self_signed(is_ca: IsCa) -> (Certificate, KeyPair) {
    let (mut certificate, key) = (CertificateParams::default(), KeyPair::generate().unwrap());
    certificate.is_ca = is_ca;
    (certificate.self_signed(&key).unwrap(), key)
}

#[test]
fn certificate_and_private_key_must_be_whole_and_fit() {
    let ((certificate, key), (other, other_key)) = (self_signed(IsCa::NoCa), self_signed(IsCa::NoCa));
    let (pem, key, other_key) = (certificate.pem(), key.serialize_pem(), other_key.serialize_pem());
    let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let parse = |chain: &str, key: &str| ServerCertificate::parse(chain.as_bytes(), key.as_bytes());
    assert_eq!(parse(&pem, &key).unwrap(), parse(&format!("comment\n{pem}"), &format!("{key}\n")).unwrap());
    assert_ne!(parse(&pem, &key).unwrap(), parse(&other.pem(), &other_key).unwrap());
    for (chain, key, error) in [
        ("", &*key, PemError::NoCertificate),
        (&key, &key, PemError::NoCertificate),
        (pem.split_at(pem.len() / 2).0, &key, PemError::MalformedCertificate),
        (
            &format!("{pem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            &key,
            PemError::MalformedCertificate,
        ),
        (&pem, "", PemError::NotOnePrivateKey),
        (&pem, &pem, PemError::NotOnePrivateKey),
        (&pem, &encrypted, PemError::NotOnePrivateKey),
        (&pem, &format!("{key}{other_key}"), PemError::NotOnePrivateKey),
        (&pem, key.split_at(key.len() / 2).0, PemError::NotOnePrivateKey),
        (&pem, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", PemError::UnsupportedPrivateKey),
        (&pem, &other_key, PemError::OtherPrivateKey),
    ] {
        assert_eq!(parse(chain, key).unwrap_err(), error, "{chain} {key}");
    }
    let debug = format!("{:?}", parse(&pem, &key).unwrap());
    assert!(debug.starts_with("ServerCertificate { validity: Validity {") && debug.len() < 250, "{debug}");
}

#[test]
fn cas_of_clients_are_certificates_of_cas() {
    let (ca, _) = self_signed(IsCa::Ca(BasicConstraints::Unconstrained));
    let (leaf, _) = self_signed(IsCa::NoCa);
    assert!(ClientCas::parse(ca.pem().as_bytes()).is_ok());
    for (pem, error) in [
        (String::new(), PemError::NoCertificate),
        (leaf.pem(), PemError::NotACa),
        (format!("{}{}", ca.pem(), leaf.pem()), PemError::NotACa),
        (ca.pem().replace("MI", "M!"), PemError::MalformedCertificate),
    ] {
        assert_eq!(ClientCas::parse(pem.as_bytes()).unwrap_err(), error, "{pem}");
    }
}

/// Returns the CA's PEM, a leaf, and the intermediates between them, from the leaf up.
fn chain(
    intermediates: usize,
    leaf_usage: &[KeyUsagePurpose],
    ca_usage: &[KeyUsagePurpose],
) -> (String, CertificateDer<'static>, Vec<CertificateDer<'static>>) {
    let ca = |name: &str| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let mut issuer = CertifiedIssuer::self_signed(ca("root"), KeyPair::generate().unwrap()).unwrap();
    let root = issuer.pem();
    let mut between = Vec::new();
    for number in 0..intermediates {
        let mut params = ca(&number.to_string());
        params.key_usages = ca_usage.to_vec();
        issuer = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &issuer).unwrap();
        between.insert(0, issuer.der().clone());
    }
    let mut leaf = CertificateParams::default();
    leaf.key_usages = leaf_usage.to_vec();
    let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    (root, leaf.der().clone(), between)
}

#[test]
fn only_short_chains_whose_key_usage_allows_it_are_verified() {
    use KeyUsagePurpose::{CrlSign, DigitalSignature, KeyCertSign, KeyEncipherment};
    for (intermediates, leaf_usage, ca_usage, is_accepted) in [
        (0, &[][..], &[][..], true),
        (4, &[DigitalSignature], &[KeyCertSign, CrlSign], true),
        (5, &[DigitalSignature], &[KeyCertSign], false),
        (1, &[KeyEncipherment], &[KeyCertSign], false),
        (1, &[DigitalSignature], &[CrlSign], false),
    ] {
        let (root, leaf, between) = chain(intermediates, leaf_usage, ca_usage);
        let clients = ClientCas::parse(root.as_bytes()).unwrap();
        let verified = clients.verifier.verify_client_cert(&leaf, &between, UnixTime::now());
        assert_eq!(verified.is_ok(), is_accepted, "{intermediates} {leaf_usage:?} {ca_usage:?}: {verified:?}");
    }
}

#[test]
fn ca_that_may_not_sign_certificates_is_refused() {
    let (mut params, key) = (CertificateParams::default(), KeyPair::generate().unwrap());
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let ca = params.self_signed(&key).unwrap();
    assert_eq!(ClientCas::parse(ca.pem().as_bytes()).unwrap_err(), PemError::NotACa);
}
