//! The two requests of a session, on the pooled connections of a bare HTTP client.

use anyhow::Result;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request,
    body::Bytes,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

pub(crate) struct Stripe {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Stripe {
    pub(crate) fn new(base: String) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { base, client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    /// Reads the customer and creates a session, at the same time.
    pub(crate) async fn open(&self, customer: &str, return_url: &str) -> Result<Bytes> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("customer", customer)
            .append_pair("return_url", return_url)
            .finish();
        let path = format!("/v1/customers/{customer}");
        let (_, session) = tokio::try_join!(
            self.request(Method::GET, &path, String::new()),
            self.request(Method::POST, "/v1/billing_portal/sessions", form),
        )?;
        Ok(session)
    }

    async fn request(&self, method: Method, path: &str, body: String) -> Result<Bytes> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(AUTHORIZATION, "Bearer sk_test_bench")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("stripe-version", "2026-09-30.endive")
            .body(Full::from(body))?;
        let response = self.client.request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        anyhow::ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }
}
