//! Tests of the simulator over real sockets, for all behavior that the service's tests rely on.

mod account;
mod auth;
mod caller;
mod checkout;
mod configurations;
mod customers;
mod delivery;
mod events;
mod faults;
mod flows;
mod idempotency;
mod injection;
mod outage;
mod portal;
mod server;
mod sessions;
mod subscriptions;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Request},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{Configuration, Customer, Mode, Settings, Simulator, Subscription};

const SESSIONS: &str = "/v1/billing_portal/sessions";
const FORM: &str = "application/x-www-form-urlencoded";

/// A simulated account with the customers `cus_A` (Ann) and `cus_B` in test mode and `cus_L` in live mode.
struct Account {
    stripe: Simulator,
    client: Client<HttpConnector, Body>,
}

/// A response with its complete body.
struct Response {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Account {
    async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stripe = Simulator::start_with(listener, settings).unwrap();
        stripe.add_customer(Customer::new("cus_A").name("Ann & <Co>").email("a@b.c").metadata("tenant_id", "acme"));
        stripe.add_customer(Customer::new("cus_B"));
        stripe.add_customer(Customer::new("cus_L").mode(Mode::Live));
        stripe.add_subscription(Subscription::new("sub_A", "cus_A").item("si_A", "price_1", 2));
        stripe.add_subscription(Subscription::new("sub_B", "cus_B").item("si_B", "price_1", 1));
        stripe.add_subscription(Subscription::new("sub_L", "cus_A").mode(Mode::Live));
        let two = Subscription::new("sub_two", "cus_A").item("si_1", "price_1", 1).item("si_2", "price_2", 1);
        stripe.add_subscription(two);
        stripe.add_configuration(Configuration::new("bpc_1").default_of_mode(true).price("price_2"));
        Self { stripe, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.stripe.base_url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let received = self.client.request(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let (head, body) = received.into_parts();
        let bytes = to_bytes(Body::new(body), usize::MAX).await.unwrap();
        Response {
            status: head.status.as_u16(),
            headers: head.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    fn bearer(&self, mode: Mode) -> String {
        format!("Bearer {}", self.stripe.secret_key(mode))
    }

    async fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[("authorization", &self.bearer(Mode::Test))], "").await
    }

    async fn update(&self, customer: &str, body: &str, headers: &[(&str, &str)]) -> Response {
        let key = self.bearer(Mode::Test);
        let mut all = vec![("authorization", key.as_str()), ("content-type", FORM)];
        all.extend(headers);
        self.send("POST", &format!("/v1/customers/{customer}"), &all, body).await
    }

    async fn post(&self, body: &str) -> Response {
        self.post_in(Mode::Test, body, &[]).await
    }

    async fn post_in(&self, mode: Mode, body: &str, headers: &[(&str, &str)]) -> Response {
        let key = self.bearer(mode);
        let mut all = vec![("authorization", key.as_str()), ("content-type", FORM)];
        all.extend(headers);
        self.send("POST", SESSIONS, &all, body).await
    }
}

impl Response {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }

    /// Returns the status, code and parameter of an error in Stripe's format. Absent values are empty strings.
    fn refusal(&self) -> (u16, String, String) {
        let json = self.json();
        let text = |name: &str| json["error"][name].as_str().unwrap_or_default().to_owned();
        assert_eq!(text("type"), "invalid_request_error", "{json}");
        assert!(!text("message").is_empty());
        (self.status, text("code"), text("param"))
    }
}

fn refusal(status: u16, code: &str, param: &str) -> (u16, String, String) {
    (status, code.to_owned(), param.to_owned())
}
