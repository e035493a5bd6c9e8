//! The product's login service: an https server that publishes a key set, with a certificate issued by a new CA.

use std::{
    convert::Infallible,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer as CertificateIssuer, KeyPair};
use rustls::{
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

/// A status, an optional `location`, and a body.
pub(crate) type CannedResponse = (u16, Option<String>, String);

pub(crate) struct KeyServer {
    pub(crate) url: String,
    response: Arc<Mutex<CannedResponse>>,
    request_count: watch::Sender<usize>,
    folder: TempDir,
    serving: JoinHandle<()>,
}

impl KeyServer {
    pub(crate) async fn start(response: CannedResponse) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ca, config) = loopback_tls();
        std::fs::write(folder.path().join("ca.pem"), ca).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://127.0.0.1:{}/jwks.json", listener.local_addr().unwrap().port());
        let (response, request_count) = (Arc::new(Mutex::new(response)), watch::channel(0).0);
        let shared = (Arc::clone(&response), request_count.clone());
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, (canned, request_count)) = (acceptor.clone(), shared.clone());
                tokio::spawn(async move {
                    // A client that does not trust the CA closes the connection.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = hyper::service::service_fn(move |_: Request<hyper::body::Incoming>| {
                        request_count.send_modify(|count| *count += 1);
                        let (status, location, body) = canned.lock().unwrap().clone();
                        let mut response = Response::builder().status(status);
                        if let Some(location) = location {
                            response = response.header("location", location);
                        }
                        async move { Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).unwrap()) }
                    });
                    drop(
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Self { url, response, request_count, folder, serving }
    }

    /// The CA certificate, for `SSL_CERT_FILE`.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(crate) fn set_response(&self, response: CannedResponse) {
        *self.response.lock().unwrap() = response;
    }

    /// The number of requests so far.
    pub(crate) fn request_count(&self) -> usize {
        *self.request_count.borrow()
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Returns a new CA certificate as PEM, and the TLS configuration of a server on 127.0.0.1 with a certificate from that CA.
pub(crate) fn loopback_tls() -> (String, rustls::ServerConfig) {
    loopback_tls_for(WebPkiClientVerifier::no_client_auth())
}

/// Returns the same for clients whose certificate is verified.
pub(crate) fn loopback_tls_for(clients: Arc<dyn ClientCertVerifier>) -> (String, rustls::ServerConfig) {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let root = ca.self_signed(&ca_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &CertificateIssuer::new(ca, ca_key)).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    (root.pem(), config)
}
