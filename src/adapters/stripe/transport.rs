//! One attempt over a pooled HTTP client, with a time limit and a maximum body size. Redirects are not followed, and
//! nothing that was sent is sent again here.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{Client, ResponseFuture},
    rt::{TokioExecutor, TokioTimer},
};
use stripe_client_core::{RequestBuilder, StripeMethod};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{
    adapters::stripe::{headers, secret_key::SecretKey},
    egress::{Connector, Proxy, ProxyError},
    reload::{
        exchange_limit::{self, LimitedConnector},
        file::ReloadingFile,
    },
    tls,
};

/// The largest response body that is read, in bytes.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// How long an idle connection is kept open. Stripe does not document how long it keeps one. Its Ruby library reuses a
/// connection for 30 s (<https://github.com/stripe/stripe-ruby/pull/836>, tested there against Stripe).
const POOL_IDLE: Duration = Duration::from_secs(30);

const USER_AGENT: &str = concat!("billing-portal/", env!("CARGO_PKG_VERSION"));
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The number of headers of a request, with those that the library adds.
const MAX_HEADERS: usize = 8;

/// A complete response, whatever its status.
pub(super) struct StripeResponse {
    pub(super) status: StatusCode,
    /// `Stripe-Should-Retry`.
    pub(super) should_retry: Option<bool>,
    /// `Idempotent-Replayed`.
    pub(super) replayed: bool,
    /// `Stripe-Rate-Limited-Reason`.
    pub(super) rate_limited: Option<&'static str>,
    /// `Request-Id`, `req_…`.
    pub(super) request_id: Option<String>,
    pub(super) body: Bytes,
}

/// The connection that an attempt may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// An idle one of the pool, or a new one.
    Pooled,
    /// A new one, which is closed afterwards.
    New,
}

/// Why an attempt has no complete response.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No valid key was ever read.
    #[error("no valid Stripe key")]
    NoKey,
    /// The parts of the request do not form a valid request.
    #[error("malformed request to Stripe")]
    Malformed(#[from] http::Error),
    /// Connection refused, name not resolved, or certificate not trusted.
    #[error("no connection to Stripe")]
    NoConnection(#[source] hyper_util::client::legacy::Error),
    /// The proxy cannot be reached, or does not connect to Stripe.
    #[error("no connection to Stripe: {0}")]
    Proxy(ProxyError),
    /// The connection closed before the response was complete.
    #[error("connection to Stripe closed before the response was complete")]
    ConnectionLost(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A connection of the pool, which had served an earlier request, closed before any byte of the response was read.
    #[error("idle connection to Stripe was closed")]
    ReusedConnectionLost(#[source] hyper_util::client::legacy::Error),
    /// The time limit of the attempt was exceeded.
    #[error("Stripe did not respond within the time limit of the attempt")]
    TimedOut,
    /// The response body is over 64 KiB, or everything that was read for it over 256 KiB.
    #[error("Stripe response is over 64 KiB, or over 256 KiB with everything around its body")]
    TooLarge,
}

/// A pool of HTTP/1.1 connections to the Stripe API.
pub struct Transport {
    pooled: Client<LimitedConnector, Full<Bytes>>,
    /// Without a pool: while some connections of the pool are dead, only a client without one certainly opens a new one.
    unpooled: Client<LimitedConnector, Full<Bytes>>,
    base: Uri,
    key: Arc<ReloadingFile<SecretKey>>,
}

impl Transport {
    /// Creates a pool for an API base that is https, or http on loopback; the configuration ensures this. Connects through
    /// `proxy`, if there is one. A proxy has three quarters of the time of an attempt, so that its failure is known before
    /// the attempt ends.
    ///
    /// # Errors
    /// If the system has no trusted root certificates, or if the base is not a URI.
    pub fn new(
        base: &Url,
        proxy: Option<&Proxy>,
        attempt: Duration,
        key: Arc<ReloadingFile<SecretKey>>,
    ) -> std::io::Result<Self> {
        let is_https = base.scheme() == "https";
        let tls = if is_https { tls::client_config()? } else { tls::without_roots()? };
        let tcp = Connector::new(proxy, &tls, attempt * 3 / 4);
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls);
        let connector = if is_https { connector.https_only() } else { connector.https_or_http() };
        let connector = exchange_limit::limited(connector.enable_http1().wrap_connector(tcp), attempt);
        let pooled = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            // Concerns only requests that the pool handed to a closed connection and of which nothing was written.
            // `Attempts` is the only place that sends a request again.
            .retry_canceled_requests(true)
            .build(connector.clone());
        let unpooled = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        let base = base.as_str().parse().map_err(std::io::Error::other)?;
        Ok(Self { pooled, unpooled, base, key })
    }

    /// Returns the current key.
    pub(super) fn key(&self) -> Result<Arc<SecretKey>, TransportError> {
        self.key.get().ok_or(TransportError::NoKey)
    }

    /// Sends the request once, with this key, and reads the complete response. Times out at `until`.
    pub(super) async fn attempt(
        &self,
        key: &SecretKey,
        request: &RequestBuilder,
        idempotency_key: Option<&str>,
        connection: Connection,
        until: Instant,
    ) -> Result<StripeResponse, TransportError> {
        let request = self.http_request(key, request, idempotency_key)?;
        let client = match connection {
            Connection::Pooled => &self.pooled,
            Connection::New => &self.unpooled,
        };
        timeout_at(until, exchange(client.request(request))).await.unwrap_or(Err(TransportError::TimedOut))
    }

    fn http_request(
        &self,
        key: &SecretKey,
        request: &RequestBuilder,
        idempotency_key: Option<&str>,
    ) -> Result<Request<Full<Bytes>>, TransportError> {
        let mut headers = HeaderMap::with_capacity(MAX_HEADERS);
        headers.insert(header::AUTHORIZATION, key.header());
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(STRIPE_VERSION, HeaderValue::from_static(stripe_client_core::VERSION.as_str()));
        if let Some(idempotency_key) = idempotency_key {
            headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_str(idempotency_key).map_err(http::Error::from)?);
        }
        if request.body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        let body = request.body.clone().map(Bytes::from).unwrap_or_default();
        let mut http_request = Request::new(Full::new(body));
        *http_request.method_mut() = match request.method {
            StripeMethod::Get => Method::GET,
            StripeMethod::Post => Method::POST,
            StripeMethod::Delete => Method::DELETE,
        };
        *http_request.uri_mut() = self.uri(request)?;
        *http_request.headers_mut() = headers;
        Ok(http_request)
    }

    fn uri(&self, request: &RequestBuilder) -> Result<Uri, http::Error> {
        let mut path = ["/v1", &request.path].concat();
        if let Some(query) = request.query.as_deref().filter(|query| !query.is_empty()) {
            path.extend(["?", query]);
        }
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(path)?);
        Ok(Uri::from_parts(parts)?)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("base", &self.base).finish_non_exhaustive()
    }
}

async fn exchange(response: ResponseFuture) -> Result<StripeResponse, TransportError> {
    let response = response.await.map_err(|error| {
        if let Some(error) = ProxyError::find(&error) {
            TransportError::Proxy(error.clone())
        } else if error.is_connect() {
            TransportError::NoConnection(error)
        } else if exchange_limit::is_unanswered_reuse(&error) {
            TransportError::ReusedConnectionLost(error)
        } else if exchange_limit::is_exceeded(&error) {
            TransportError::TooLarge
        } else {
            TransportError::ConnectionLost(error.into())
        }
    })?;
    let (head, body) = response.into_parts();
    let body = http_body_util::Limited::new(body, MAX_RESPONSE_BYTES).collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() || exchange_limit::is_exceeded(&*error) {
            TransportError::TooLarge
        } else {
            TransportError::ConnectionLost(error)
        }
    })?;
    Ok(StripeResponse {
        status: head.status,
        should_retry: headers::should_retry(&head.headers),
        replayed: headers::is_replayed(&head.headers),
        rate_limited: headers::rate_limited_reason(&head.headers),
        request_id: headers::request_id(&head.headers),
        body: body.to_bytes(),
    })
}
