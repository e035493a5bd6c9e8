//! One attempt over a pooled HTTP client, with a time limit and a maximum body size. Redirects are not followed, and nothing is retried here.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use stripe_client_core::{RequestBuilder, StripeMethod};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{
    adapters::stripe::secret_key::SecretKey,
    reload::{
        exchange_limit::{self, LimitedConnector},
        file::ReloadingFile,
    },
    tls,
};

/// The largest response body that is read, in bytes.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// How long an idle connection is kept open.
const POOL_IDLE: std::time::Duration = std::time::Duration::from_secs(60);

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

/// Why an attempt has no complete response.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No valid key was ever read.
    #[error("no valid Stripe key")]
    NoKey,
    /// The parts of the request do not form a valid request.
    #[error("malformed request to Stripe")]
    Malformed(#[source] http::Error),
    /// Connection refused, name not resolved, or certificate not trusted.
    #[error("no connection to Stripe")]
    NoConnection(#[source] hyper_util::client::legacy::Error),
    /// The connection closed before the response was complete.
    #[error("connection to Stripe closed before the response was complete")]
    ConnectionLost(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The time limit of the attempt was exceeded.
    #[error("Stripe did not respond within the time limit of the attempt")]
    TimedOut,
    /// The response body is over 64 KiB, or everything that was read for it over 256 KiB.
    #[error("Stripe response is over 64 KiB, or over 256 KiB with everything around its body")]
    TooLarge,
}

/// A pool of HTTP/1.1 connections to the Stripe API.
pub struct Transport {
    client: Client<LimitedConnector, Full<Bytes>>,
    base: String,
    key: Arc<ReloadingFile<SecretKey>>,
}

impl Transport {
    /// Creates a pool for an API base that is https, or http on loopback; the configuration ensures this.
    ///
    /// # Errors
    /// If the system has no trusted root certificates.
    pub fn new(base: &Url, key: Arc<ReloadingFile<SecretKey>>) -> std::io::Result<Self> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        let connector = if base.scheme() == "https" {
            HttpsConnectorBuilder::new().with_tls_config(tls::client_config()?).https_only()
        } else {
            HttpsConnectorBuilder::new().with_tls_config(tls::without_roots()?).https_or_http()
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            // `Attempts` is the only place that retries.
            .retry_canceled_requests(false)
            .build(exchange_limit::limited(connector.enable_http1().wrap_connector(http)));
        Ok(Self { client, base: base.as_str().trim_end_matches('/').to_owned(), key })
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
        until: Instant,
    ) -> Result<StripeResponse, TransportError> {
        let request = self.http_request(key, request, idempotency_key)?;
        timeout_at(until, self.exchange(request)).await.unwrap_or(Err(TransportError::TimedOut))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<StripeResponse, TransportError> {
        let response = self.client.request(request).await.map_err(|error| {
            if error.is_connect() {
                TransportError::NoConnection(error)
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
            should_retry: header_text(&head.headers, "stripe-should-retry").and_then(|value| value.parse().ok()),
            replayed: is_replayed(&head.headers),
            rate_limited: header_text(&head.headers, "stripe-rate-limited-reason").map(rate_limited_reason),
            request_id: header_text(&head.headers, "request-id").filter(|id| is_request_id(id)).map(str::to_owned),
            body: body.to_bytes(),
        })
    }

    fn http_request(
        &self,
        key: &SecretKey,
        request: &RequestBuilder,
        idempotency_key: Option<&str>,
    ) -> Result<Request<Full<Bytes>>, TransportError> {
        let query = request.query.as_deref().filter(|query| !query.is_empty()).map(|query| format!("?{query}"));
        let uri = format!("{}/v1{}{}", self.base, request.path, query.unwrap_or_default());
        let mut builder = Request::builder()
            .method(match request.method {
                StripeMethod::Get => Method::GET,
                StripeMethod::Post => Method::POST,
                StripeMethod::Delete => Method::DELETE,
            })
            .uri(uri)
            .header(header::AUTHORIZATION, key.header())
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("billing-portal/", env!("CARGO_PKG_VERSION")))
            .header("stripe-version", stripe_client_core::VERSION.as_str());
        if let Some(idempotency_key) = idempotency_key {
            builder = builder.header("idempotency-key", idempotency_key);
        }
        let body = request.body.as_ref().map(|body| Bytes::from(body.clone()));
        if body.is_some() {
            builder = builder.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        builder.body(Full::new(body.unwrap_or_default())).map_err(TransportError::Malformed)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("base", &self.base).finish_non_exhaustive()
    }
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Returns whether a response may belong to an earlier request: only an absent header or a single `false` says that it does not.
fn is_replayed(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all("idempotent-replayed").iter();
    !matches!((values.next().map(HeaderValue::as_bytes), values.next()), (None | Some(b"false"), None))
}

/// Returns a documented reason (<https://docs.stripe.com/rate-limits>), or `other`.
fn rate_limited_reason(text: &str) -> &'static str {
    const DOCUMENTED: [&str; 5] =
        ["global-concurrency", "global-rate", "endpoint-concurrency", "endpoint-rate", "resource-specific"];
    DOCUMENTED.into_iter().find(|known| *known == text).unwrap_or("other")
}

/// Returns whether an id has the shape of Stripe's request ids. It is written to the audit log, so nothing else is
/// accepted.
fn is_request_id(id: &str) -> bool {
    id.len() <= 255 && id.starts_with("req_") && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documented_reasons_of_a_rate_limit_are_kept() {
        assert_eq!(rate_limited_reason("endpoint-rate"), "endpoint-rate");
        assert_eq!(rate_limited_reason("per-customer\n"), "other");
    }

    #[test]
    fn response_is_replayed_unless_header_is_absent_or_a_single_false() {
        let replayed = |values: &[&'static str]| {
            let values = values
                .iter()
                .map(|value| (http::HeaderName::from_static("idempotent-replayed"), value.parse().unwrap()));
            is_replayed(&HeaderMap::from_iter(values))
        };
        assert!(!replayed(&[]) && !replayed(&["false"]));
        let mut headers = HeaderMap::new();
        for value in ["false", "true"] {
            headers.append("idempotent-replayed", value.parse().unwrap());
        }
        assert!(is_replayed(&headers), "false, then true");
        for value in ["true", "True", "", "1", "true, true", "False", "false, false"] {
            assert!(replayed(&[value]), "{value:?}");
        }
    }
}
