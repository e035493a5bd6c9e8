use std::time::Duration;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
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
    let (der, key_der) = (certificate.der().to_vec(), KeyPair::from_pem(&key).unwrap().serialize_der());
    let with_other = format!("{}{pem}", other.pem());
    for (chain, key, error) in [
        (&b""[..], key.as_bytes(), PairError::Certificate(PemError::NoCertificate)),
        (key.as_bytes(), key.as_bytes(), PairError::Certificate(PemError::NoCertificate)),
        (&der, key.as_bytes(), PairError::Certificate(PemError::Der)),
        (
            pem.split_at(pem.len() / 2).0.as_bytes(),
            key.as_bytes(),
            PairError::Certificate(PemError::MalformedCertificate),
        ),
        (
            format!("{pem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").as_bytes(),
            key.as_bytes(),
            PairError::Certificate(PemError::MalformedCertificate),
        ),
        (pem.as_bytes(), b"", PairError::PrivateKey(PemError::NotOnePrivateKey)),
        (pem.as_bytes(), &key_der, PairError::PrivateKey(PemError::Der)),
        (pem.as_bytes(), pem.as_bytes(), PairError::PrivateKey(PemError::NotOnePrivateKey)),
        (pem.as_bytes(), encrypted.as_bytes(), PairError::PrivateKey(PemError::NotOnePrivateKey)),
        (pem.as_bytes(), format!("{key}{other_key}").as_bytes(), PairError::PrivateKey(PemError::NotOnePrivateKey)),
        (pem.as_bytes(), key.split_at(key.len() / 2).0.as_bytes(), PairError::PrivateKey(PemError::NotOnePrivateKey)),
        (
            pem.as_bytes(),
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            PairError::PrivateKey(PemError::UnsupportedPrivateKey),
        ),
        (pem.as_bytes(), other_key.as_bytes(), PairError::PrivateKey(PemError::OtherPrivateKey)),
        // The listener's certificate must come first.
        (with_other.as_bytes(), key.as_bytes(), PairError::PrivateKey(PemError::OtherPrivateKey)),
    ] {
        assert_eq!(ServerCertificate::parse(chain, key).unwrap_err(), error);
    }
    let debug = format!("{:?}", parse(&pem, &key).unwrap());
    assert!(debug.starts_with("ServerCertificate { chain: [Dated {") && debug.len() < 300, "{debug}");
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
        (String::from_utf8_lossy(&[0x30, 0x7f]).into_owned(), PemError::NoCertificate),
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

#[test]
fn certificate_that_clients_refuse_is_found() {
    let (now, soon) = (SystemTime::now(), SystemTime::now() + EXPIRES_SOON / 2);
    let problems = |change: &dyn Fn(&mut CertificateParams)| {
        let (mut certificate, key) =
            (CertificateParams::new(["localhost".to_owned()]).unwrap(), KeyPair::generate().unwrap());
        change(&mut certificate);
        let pem = certificate.self_signed(&key).unwrap().pem();
        let parsed = ServerCertificate::parse(pem.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
        parsed.findings(now).into_iter().map(|found| (found.problem, found.is_failure)).collect::<Vec<_>>()
    };
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let soon = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds(soon));
    let (past, future) = (date_time_ymd(2020, 1, 1), date_time_ymd(2200, 1, 1));
    assert_eq!(problems(&|_| {}), []);
    assert_eq!(problems(&|certificate| certificate.not_after = soon.into()), [(Problem::ExpiresSoon(soon), false)]);
    assert_eq!(problems(&|certificate| certificate.not_after = past), [(Problem::Expired(past.into()), true)]);
    assert_eq!(problems(&|certificate| certificate.not_before = future), [(Problem::NotYetValid(future.into()), true)]);
    assert_eq!(problems(&|certificate| certificate.subject_alt_names = vec![]), [(Problem::NoName, true)]);
    for (usages, expected) in [
        (vec![ExtendedKeyUsagePurpose::ClientAuth], vec![(Problem::NotForServers, true)]),
        (vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth], vec![]),
        (vec![ExtendedKeyUsagePurpose::Any], vec![]),
    ] {
        assert_eq!(problems(&|certificate| certificate.extended_key_usages = usages.clone()), expected, "{usages:?}");
    }
}

#[test]
fn expired_ca_beside_a_valid_one_is_no_failure() {
    let ca = |not_after| {
        let (mut ca, key) = (CertificateParams::default(), KeyPair::generate().unwrap());
        (ca.is_ca, ca.not_after) = (IsCa::Ca(BasicConstraints::Unconstrained), not_after);
        ca.self_signed(&key).unwrap().pem()
    };
    let (expired, valid) = (ca(date_time_ymd(2020, 1, 1)), ca(date_time_ymd(2200, 1, 1)));
    let findings = |pem: String| ClientCas::parse(pem.as_bytes()).unwrap().findings(SystemTime::now());
    let [finding] = <[_; 1]>::try_from(findings(format!("{valid}{expired}"))).unwrap();
    assert_eq!(finding.certificate, "certificate 2 (CN=rcgen self signed cert)");
    assert!(!finding.is_failure && matches!(finding.problem, Problem::Expired(_)));
    assert!(findings(format!("{expired}{expired}")).iter().all(|finding| finding.is_failure));
    assert_eq!(findings(valid), []);
}
