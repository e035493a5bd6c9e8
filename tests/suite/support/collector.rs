//! Collectors that `fake-opentelemetry-collector` does not provide: OTLP over HTTP, TLS in front of any collector, and one that
//! never responds.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode, Uri},
};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::key_server::{loopback_tls, loopback_tls_for};

/// An export as it was received.
pub(crate) struct Export {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Receives OTLP over HTTP.
pub(crate) struct HttpCollector {
    pub(crate) address: SocketAddr,
    pub(crate) endpoint: String,
    status: Arc<AtomicU16>,
    exports: mpsc::UnboundedReceiver<Export>,
}

impl HttpCollector {
    pub(crate) async fn start() -> Self {
        Self::answering(200, Duration::ZERO).await
    }

    /// Responds with this status after this time.
    pub(crate) async fn answering(status: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (status, (sender, exports)) = (Arc::new(AtomicU16::new(status)), mpsc::unbounded_channel());
        let shared = Arc::clone(&status);
        let routes = Router::new().fallback(async move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let status = StatusCode::from_u16(shared.load(Ordering::SeqCst)).unwrap();
            drop(sender.send(Export { path: uri.path().to_owned(), headers, body }));
            tokio::time::sleep(delay).await;
            status
        });
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, endpoint: format!("http://{address}"), status, exports }
    }

    /// Responds with this status from now on.
    pub(crate) fn set_status(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Returns the exports that have arrived and were not taken yet.
    pub(crate) fn received(&mut self) -> Vec<Export> {
        std::iter::from_fn(|| self.exports.try_recv().ok()).collect()
    }

    /// Waits for the next export of a path.
    pub(crate) async fn next(&mut self, path: &str) -> Export {
        let next = async {
            loop {
                let export = self.exports.recv().await.unwrap();
                if export.path == path {
                    return export;
                }
            }
        };
        timeout(Duration::from_secs(20), next).await.unwrap_or_else(|_| panic!("nothing is exported to {path}"))
    }
}

/// Accepts TLS connections, with a certificate from a new CA, and forwards them to a collector without TLS.
pub(crate) struct TlsProxy {
    pub(crate) endpoint: String,
    folder: TempDir,
}

impl TlsProxy {
    pub(crate) async fn start(target: SocketAddr) -> Self {
        Self::start_with(target, tempfile::tempdir().unwrap(), loopback_tls()).await
    }

    /// Accepts only clients with the certificate in [`Self::client_files`].
    pub(crate) async fn start_mutual(target: SocketAddr) -> Self {
        let (folder, client) = (tempfile::tempdir().unwrap(), rcgen::generate_simple_self_signed([]).unwrap());
        std::fs::write(folder.path().join("client.pem"), client.cert.pem()).unwrap();
        std::fs::write(folder.path().join("client.key"), client.signing_key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(client.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
        Self::start_with(target, folder, loopback_tls_for(clients)).await
    }

    async fn start_with(target: SocketAddr, folder: TempDir, (ca, mut config): (String, ServerConfig)) -> Self {
        std::fs::write(folder.path().join("ca.pem"), ca).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("https://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut collector = TcpStream::connect(target).await.unwrap();
                    // A client that does not trust the CA closes the connection.
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        drop(tokio::io::copy_bidirectional(&mut stream, &mut collector).await);
                    }
                });
            }
        });
        Self { endpoint, folder }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The certificate and the private key of the client.
    pub(crate) fn client_files(&self) -> [PathBuf; 2] {
        ["client.pem", "client.key"].map(|name| self.folder.path().join(name))
    }
}

/// Accepts connections, and never responds. Returns its address.
pub(crate) async fn hanging() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            open.push(listener.accept().await.unwrap());
        }
    });
    address
}
