//! A CA with certificates for the service and its callers, and TLS clients that use them.

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer as CertificateIssuer, KeyPair, SanType};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    client::Resumption,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
    sign::{CertifiedKey, SingleCertAndKey},
    version::TLS13,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint};

use super::{
    World,
    process::{Serving, serve_at},
    settings::override_settings,
};

/// A caller that the service of [`Mtls`] allows, and another one with a DNS name.
pub(crate) const CALLER: &str = "spiffe://example.org/settings";
pub(crate) const DNS_CALLER: &str = "settings.example.org";

/// A CA.
pub(crate) struct Authority {
    issuer: CertificateIssuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pub(crate) pem: String,
}

/// A certificate and its private key.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) pem: String,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let (mut ca, key) = (CertificateParams::default(), KeyPair::generate().unwrap());
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate whose issuer has the same name as its subject for self-signed.
        ca.distinguished_name.push(DnType::CommonName, "CA");
        change(&mut ca);
        let root = ca.self_signed(&key).unwrap();
        let (pem, certificate) = (root.pem(), root.der().clone());
        Self { issuer: CertificateIssuer::new(ca, key), certificate, pem }
    }

    /// Issues a certificate with these names.
    pub(crate) fn issue(&self, names: Vec<SanType>) -> Identity {
        self.issue_with(names, |_| {})
    }

    pub(crate) fn issue_with(&self, names: Vec<SanType>, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let (mut leaf, key) = (CertificateParams::default(), KeyPair::generate().unwrap());
        leaf.subject_alt_names = names;
        change(&mut leaf);
        let leaf = leaf.signed_by(&key, &self.issuer).unwrap();
        Identity { certificate: leaf.der().clone(), pem: leaf.pem(), key }
    }

    /// Issues a certificate for a server on loopback.
    pub(crate) fn issue_server(&self) -> Identity {
        self.issue(vec![SanType::IpAddress("127.0.0.1".parse().unwrap())])
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }
}

impl Identity {
    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()))
    }
}

pub(crate) fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

pub(crate) fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

/// Returns the configuration of a client that offers HTTP/2.
pub(crate) fn client(server: &Authority, identity: Option<&Identity>) -> ClientConfig {
    client_of(&TLS13, server, identity)
}

/// Does the same for one version of TLS.
pub(crate) fn client_of(
    version: &'static SupportedProtocolVersion,
    server: &Authority,
    identity: Option<&Identity>,
) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let config = config.with_root_certificates(server.roots());
    let mut config = match identity {
        Some(identity) => config.with_client_auth_cert(vec![identity.certificate.clone()], identity.key()).unwrap(),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = Resumption::in_memory_sessions(4);
    config
}

/// A client that sends its certificate a number of times more, as if the copies were intermediates.
pub(crate) fn client_with_intermediates(server: &Authority, identity: &Identity, count: usize) -> ClientConfig {
    let mut config = client(server, None);
    let chain = vec![identity.certificate.clone(); 1 + count];
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&identity.key()).unwrap();
    config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)));
    config
}

/// Connects. With TLS 1.3, the server may still refuse the certificate of the client.
pub(crate) async fn connect(address: SocketAddr, config: Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(config).connect(ServerName::from(address.ip()), stream).await
}

/// Returns a channel that connects with its first call.
pub(crate) fn channel(address: SocketAddr, config: ClientConfig) -> Channel {
    let config = Arc::new(config);
    let connect = move |_: http::Uri| {
        let config = Arc::clone(&config);
        async move { connect(address, config).await.map(TokioIo::new) }
    };
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_with_connector_lazy(tower::service_fn(connect))
}

/// A service process that identifies callers by their certificates, beside a world with its files.
pub(crate) struct Mtls {
    pub(crate) world: World,
    pub(crate) ca: Authority,
    pub(crate) serving: Serving,
}

impl Mtls {
    /// Starts the service with these settings. The channel of the world is that of an allowed caller.
    pub(crate) async fn start(settings: &[&str]) -> Self {
        let (mut world, ca) = (World::start().await, Authority::new());
        write_files(world.folder.path(), &ca);
        let mut arguments = mtls_arguments(&world);
        override_settings(&mut arguments, settings);
        let serving = serve_at("info,billing_portal=debug", &arguments).await;
        world.channel = channel(serving.address, client(&ca, Some(&ca.issue(vec![uri(CALLER)]))));
        Self { world, ca, serving }
    }

    /// Returns a channel of a caller with this certificate.
    pub(crate) fn channel(&self, identity: &Identity) -> Channel {
        channel(self.serving.address, client(&self.ca, Some(identity)))
    }
}

/// Writes a certificate of a server, its private key, and the CA of clients.
pub(crate) fn write_files(folder: &Path, ca: &Authority) {
    let server = ca.issue_server();
    for (name, text) in [("tls.crt", &server.pem), ("tls.key", &server.key_pem()), ("clients.crt", &ca.pem)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

/// Returns the settings of the service without the name of the program.
pub(crate) fn mtls_arguments(world: &World) -> Vec<String> {
    let file = |flag: &str, name: &str| format!("--tls-{flag}-file={}", world.path(name).display());
    world.settings(&[
        "--listen=127.0.0.1:0",
        "--caller-identity=mtls",
        &format!("--allowed-callers={CALLER},{DNS_CALLER}"),
        &file("certificate", "tls.crt"),
        &file("private-key", "tls.key"),
        &file("client-ca", "clients.crt"),
    ])
}
