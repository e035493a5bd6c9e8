//! Valid and invalid certificates of a CA that the simulator generates.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// The flaw of an invalid certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Expired,
    OtherName,
    UnknownCa,
}

/// A CA that tests can trust, and the TLS configurations of the listener.
pub(crate) struct Tls {
    pub(crate) ca_pem: String,
    valid: Arc<ServerConfig>,
    expired: Arc<ServerConfig>,
    other_name: Arc<ServerConfig>,
    unknown_ca: Arc<ServerConfig>,
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

impl Tls {
    /// Generates the CA and the certificates.
    ///
    /// # Errors
    /// Fails if no key can be generated.
    pub(crate) fn new() -> io::Result<Self> {
        let (ca, unknown_ca) = (authority("Simulator CA")?, authority("Unknown CA")?);
        let mut expired = loopback()?;
        expired.not_after = date_time_ymd(2021, 1, 1);
        Ok(Self {
            ca_pem: ca.pem(),
            valid: config(&ca, loopback()?)?,
            expired: config(&ca, expired)?,
            other_name: config(&ca, params(Vec::new(), &["billing.example.com"])?)?,
            unknown_ca: config(&unknown_ca, loopback()?)?,
        })
    }

    pub(crate) fn config(&self, flaw: Option<Flaw>) -> Arc<ServerConfig> {
        Arc::clone(match flaw {
            None => &self.valid,
            Some(Flaw::Expired) => &self.expired,
            Some(Flaw::OtherName) => &self.other_name,
            Some(Flaw::UnknownCa) => &self.unknown_ca,
        })
    }
}

fn authority(name: &str) -> io::Result<Issuer> {
    let mut params = params(Vec::new(), &[])?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(io::Error::other)?;
    CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)
}

/// Returns parameters for `localhost` and the loopback addresses.
fn loopback() -> io::Result<CertificateParams> {
    params(vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)], &["localhost"])
}

fn params(addresses: Vec<IpAddr>, names: &[&str]) -> io::Result<CertificateParams> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    params.subject_alt_names.extend(addresses.into_iter().map(SanType::IpAddress));
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    Ok(params)
}

/// Returns a configuration with a leaf certificate signed by the issuer, for HTTP/2 and HTTP/1.1.
fn config(issuer: &Issuer, mut params: CertificateParams) -> io::Result<Arc<ServerConfig>> {
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let leaf = params.signed_by(&key, issuer).map_err(io::Error::other)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key))
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
