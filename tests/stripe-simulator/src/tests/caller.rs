//! A client for each way to a simulator: HTTP/1.1 or HTTP/2, plain or over TLS.

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

/// A way to a simulator.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) tls: bool,
    pub(super) http_2: bool,
}

pub(super) const WAYS: [Way; 4] = [
    Way { tls: false, http_2: false },
    Way { tls: false, http_2: true },
    Way { tls: true, http_2: false },
    Way { tls: true, http_2: true },
];

/// A simulator with Ann and Bob, and a client of its own.
pub(super) struct Caller {
    pub(super) stripe: Simulator,
    client: Client<HttpsConnector<HttpConnector>, Body>,
    way: Way,
}

/// What came of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The head, and the body as far as it came.
    Answer { status: u16, headers: HeaderMap, body: Vec<u8>, end: End },
    /// No head; the error's Debug.
    NoAnswer(String),
}

/// How a body ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// There was more to come when enough was read.
    Unread,
    Broken(String),
}

impl Caller {
    pub(super) async fn new(way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = if way.tls { Settings::default().tls() } else { Settings::default() };
        let stripe = Simulator::start_with(listener, settings).unwrap();
        stripe.add_customer(Customer::new("cus_A").name("Ann").metadata("tenant_id", "acme"));
        stripe.add_customer(Customer::new("cus_B").name("Bob").metadata("tenant_id", "globex"));
        let client = client(&stripe, way);
        Self { stripe, client, way }
    }

    /// Forgets the connections so far.
    pub(super) fn reconnect(&mut self) {
        self.client = client(&self.stripe, self.way);
    }

    pub(super) async fn read(&self, customer: &str) -> Outcome {
        self.send("GET", &format!("/v1/customers/{customer}"), String::new(), usize::MAX).await
    }

    pub(super) async fn open(&self, customer: &str) -> Outcome {
        self.send("POST", SESSIONS, format!("customer={customer}&return_url=https://app.test/"), usize::MAX).await
    }

    /// Reads of the body no more than needed to have so many bytes.
    pub(super) async fn send(&self, method: &str, path: &str, body: String, enough: usize) -> Outcome {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.stripe.base_url()));
        let request = request.header("authorization", format!("Bearer {}", self.stripe.secret_key(Mode::Test)));
        let request = request.header("content-type", FORM).body(Body::from(body)).unwrap();
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return Outcome::NoAnswer(format!("{error:?}")),
        };
        let version = if self.way.http_2 { Version::HTTP_2 } else { Version::HTTP_11 };
        assert_eq!(response.version(), version);
        let (head, mut incoming) = response.into_parts();
        let (mut body, mut end) = (Vec::new(), End::Unread);
        while body.len() < enough {
            match poll_fn(|cx| std::pin::Pin::new(&mut incoming).poll_frame(cx)).await {
                Some(Ok(frame)) => body.extend(frame.into_data().unwrap_or_else(|_| Bytes::new())),
                Some(Err(error)) => end = End::Broken(format!("{error:?}")),
                None => end = End::Whole,
            }
            if end != End::Unread {
                break;
            }
        }
        Outcome::Answer { status: head.status.as_u16(), headers: head.headers, body, end }
    }
}

fn client(stripe: &Simulator, way: Way) -> Client<HttpsConnector<HttpConnector>, Body> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = stripe.ca_pem() {
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // What the client offers decides; without TLS it has to know beforehand.
    config.alpn_protocols = vec![if way.http_2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    Client::builder(TokioExecutor::new()).http2_only(way.http_2).build(HttpsConnector::from((tcp, config)))
}
