//! Clients for HTTP/1.1 and HTTP/2, plain and over TLS.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, Request, Version},
};
use futures_util::future::poll_fn;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::net::TcpListener;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::{FORM, SESSIONS};
use crate::{Customer, Mode, Settings, Simulator};

/// The protocol between a client and a simulator.
#[derive(Clone, Copy, Debug)]
pub(super) struct Protocol {
    pub(super) tls: bool,
    pub(super) http_2: bool,
}

pub(super) const PROTOCOLS: [Protocol; 4] = [
    Protocol { tls: false, http_2: false },
    Protocol { tls: false, http_2: true },
    Protocol { tls: true, http_2: false },
    Protocol { tls: true, http_2: true },
];

/// A client with its own simulator, which has the customers `cus_A` (Ann) and `cus_B` (Bob).
pub(super) struct Caller {
    pub(super) stripe: Simulator,
    client: Client<HttpsConnector<HttpConnector>, Body>,
    protocol: Protocol,
}

/// The outcome of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The head and the received part of the body.
    Response { status: u16, headers: HeaderMap, body: Vec<u8>, end: End },
    /// No head was received. Holds the `Debug` text of the error.
    Failed(String),
}

/// How a body ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// The rest of the body was not read.
    Unread,
    Broken(String),
}

impl Caller {
    pub(super) async fn new(protocol: Protocol) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = if protocol.tls { Settings::default().tls() } else { Settings::default() };
        let stripe = Simulator::start_with(listener, settings).unwrap();
        stripe.add_customer(Customer::new("cus_A").name("Ann").metadata("tenant_id", "acme"));
        stripe.add_customer(Customer::new("cus_B").name("Bob").metadata("tenant_id", "globex"));
        let client = client(&stripe, protocol);
        Self { stripe, client, protocol }
    }

    /// Replaces the client, so that the next request needs a new connection.
    pub(super) fn reconnect(&mut self) {
        self.client = client(&self.stripe, self.protocol);
    }

    pub(super) async fn read(&self, customer: &str) -> Outcome {
        self.send("GET", &format!("/v1/customers/{customer}"), String::new(), usize::MAX).await
    }

    pub(super) async fn open(&self, customer: &str) -> Outcome {
        self.send("POST", SESSIONS, format!("customer={customer}&return_url=https://app.test/"), usize::MAX).await
    }

    /// Sends a request, and reads the body until it ends or has at least `min_bytes`.
    pub(super) async fn send(&self, method: &str, path: &str, body: String, min_bytes: usize) -> Outcome {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.stripe.base_url()));
        let request = request.header("authorization", format!("Bearer {}", self.stripe.secret_key(Mode::Test)));
        let request = request.header("content-type", FORM).body(Body::from(body)).unwrap();
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return Outcome::Failed(format!("{error:?}")),
        };
        let version = if self.protocol.http_2 { Version::HTTP_2 } else { Version::HTTP_11 };
        assert_eq!(response.version(), version);
        let (head, mut incoming) = response.into_parts();
        let (mut body, mut end) = (Vec::new(), End::Unread);
        while body.len() < min_bytes {
            match poll_fn(|cx| std::pin::Pin::new(&mut incoming).poll_frame(cx)).await {
                Some(Ok(frame)) => body.extend(frame.into_data().unwrap_or_else(|_| Bytes::new())),
                Some(Err(error)) => end = End::Broken(format!("{error:?}")),
                None => end = End::Whole,
            }
            if end != End::Unread {
                break;
            }
        }
        Outcome::Response { status: head.status.as_u16(), headers: head.headers, body, end }
    }
}

fn client(stripe: &Simulator, protocol: Protocol) -> Client<HttpsConnector<HttpConnector>, Body> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = stripe.ca_pem() {
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Over TLS, ALPN selects the version. Without TLS, the client must use prior knowledge.
    config.alpn_protocols = vec![if protocol.http_2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    Client::builder(TokioExecutor::new()).http2_only(protocol.http_2).build(HttpsConnector::from((tcp, config)))
}
