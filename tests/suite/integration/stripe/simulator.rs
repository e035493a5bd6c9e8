//! Integration: the simulator refuses the same requests as Stripe, with errors in Stripe's format. The other tests are
//! meaningful only if it does.

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use stripe_simulator::{Configuration, Customer, Mode, Simulator, Subscription};
use tokio::net::TcpListener;

use crate::support::stripe::hold_responses;

struct Account {
    stripe: Simulator,
    client: Client,
}

impl Account {
    async fn new() -> Self {
        let stripe = Simulator::start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
        stripe.add_customer(Customer::new("cus_A").name("Ann & <Co>").metadata("tenant_id", "acme"));
        stripe.add_customer(Customer::new("cus_L").mode(Mode::Live));
        stripe.add_subscription(Subscription::new("sub_A", "cus_A").item("si_A", "price_A", 1));
        stripe.add_subscription(Subscription::new("sub_B", "cus_B").item("si_B", "price_A", 1));
        stripe.add_configuration(Configuration::new("bpc_1").default_of_mode(true).price("price_A"));
        stripe.add_configuration(Configuration::new("bpc_off").active(false));
        Self { stripe, client: Client::new() }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.stripe.base_url());
        self.client.get(url).bearer_auth(self.stripe.secret_key(Mode::Test))
    }

    fn post(&self, body: &str) -> RequestBuilder {
        let url = format!("{}/v1/billing_portal/sessions", self.stripe.base_url());
        let post = self.client.post(url).bearer_auth(self.stripe.secret_key(Mode::Test));
        post.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned())
    }
}

async fn send(request: RequestBuilder) -> (StatusCode, Value) {
    let response: Response = request.send().await.unwrap();
    assert!(response.headers()["request-id"].to_str().unwrap().starts_with("req_"));
    (response.status(), response.json().await.unwrap())
}

/// Returns the status, code and parameter of an error in Stripe's format.
async fn refused(request: RequestBuilder) -> (u16, Option<String>, Option<String>) {
    let (status, json) = send(request).await;
    let error = &json["error"];
    assert!(error["type"].is_string() && error["message"].is_string(), "{json}");
    let text = |name: &str| error[name].as_str().map(str::to_owned);
    (status.as_u16(), text("code"), text("param"))
}

fn error(status: u16, code: &str, param: &str) -> (u16, Option<String>, Option<String>) {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    (status, text(code), text(param))
}

#[tokio::test]
async fn requires_account_key_as_bearer_or_basic() {
    let account = Account::new().await;
    let url = format!("{}/v1/customers/cus_A", account.stripe.base_url());
    let key = account.stripe.secret_key(Mode::Test);
    assert_eq!(send(account.client.get(&url).bearer_auth(key)).await.0, StatusCode::OK);
    assert_eq!(send(account.client.get(&url).basic_auth(key, None::<&str>)).await.0, StatusCode::OK);
    for request in [
        account.client.get(&url),
        account.client.get(&url).bearer_auth("sk_test_wrong"),
        account.client.get(&url).bearer_auth(""),
        account.client.get(&url).header("authorization", format!("Digest {key}")),
    ] {
        let (status, json) = send(request).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(!json.to_string().contains("wrong\""), "the key must be masked: {json}");
    }
}

#[tokio::test]
async fn accepts_only_well_formed_versions() {
    let account = Account::new().await;
    for (version, status) in [
        ("2026-09-30.endive", 200),
        ("2020-08-27", 200),
        ("2026-9-30", 400),
        ("endive", 400),
        ("2026-09-30.", 400),
        ("2026-09-30.Endive", 400),
    ] {
        let response = account.get("/v1/customers/cus_A").header("stripe-version", version).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{version}");
    }
}

#[tokio::test]
async fn customers_are_found_deleted_or_missing() {
    let account = Account::new().await;
    let (status, customer) = send(account.get("/v1/customers/cus_A")).await;
    assert_eq!(
        (status, &customer["metadata"], &customer["livemode"]),
        (StatusCode::OK, &json!({"tenant_id": "acme"}), &json!(false))
    );
    assert_eq!(refused(account.get("/v1/customers/cus_X")).await, error(404, "resource_missing", "id"));
    let (_, json) = send(account.get("/v1/customers/cus_L")).await;
    assert!(json["error"]["message"].as_str().unwrap().contains("exists in live mode, but a test mode key"));
    assert_eq!(refused(account.get("/v1/customers/cus_A?x=1")).await, error(400, "parameter_unknown", "x"));
    account.stripe.delete_customer(Mode::Test, "cus_A");
    let (_, json) = send(account.get("/v1/customers/cus_A")).await;
    assert_eq!(json, json!({"id": "cus_A", "object": "customer", "deleted": true}));
    assert_eq!(refused(account.post("customer=cus_A")).await, error(400, "resource_missing", "customer"));
    assert_eq!(refused(account.get("/v1/invoices")).await, error(404, "", ""));
}

#[tokio::test]
async fn session_has_every_documented_member() {
    let account = Account::new().await;
    let (status, session) =
        send(account.post("customer=cus_A&return_url=https%3A%2F%2Fapp.example.com%2F&locale=de")).await;
    assert_eq!(status, StatusCode::OK);
    let mut names: Vec<_> = session.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let documented = [
        "configuration",
        "created",
        "customer",
        "customer_account",
        "flow",
        "id",
        "livemode",
        "locale",
        "object",
        "on_behalf_of",
        "return_url",
        "url",
    ];
    assert_eq!(names, documented);
    // The types of the Stripe client library accept it.
    let typed: Result<stripe_billing::BillingPortalSession, _> = miniserde::json::from_str(&session.to_string());
    assert_eq!(typed.unwrap().customer, "cus_A");
    let customer = send(account.get("/v1/customers/cus_A")).await.1.to_string();
    let typed: Result<stripe_core::customer::RetrieveCustomerReturned, _> = miniserde::json::from_str(&customer);
    assert!(matches!(typed.unwrap(), stripe_core::customer::RetrieveCustomerReturned::Customer(_)));
}

#[tokio::test]
async fn refuses_invalid_parameters() {
    let account = Account::new().await;
    let cancel = "flow_data[type]=subscription_cancel&flow_data[subscription_cancel][subscription]";
    let confirm =
        "flow_data[type]=subscription_update_confirm&flow_data[subscription_update_confirm][subscription]=sub_A";
    let item = "flow_data[subscription_update_confirm][items][0]";
    for (body, expected) in [
        ("return_url=https://a.test/".to_owned(), error(400, "parameter_missing", "customer")),
        ("customer=".to_owned(), error(400, "parameter_invalid_empty", "customer")),
        ("customer=cus_X".to_owned(), error(400, "resource_missing", "customer")),
        ("customer=cus_A&coupon=1".to_owned(), error(400, "parameter_unknown", "coupon")),
        ("customer=cus_A&customer=cus_A".to_owned(), error(400, "", "customer")),
        ("customer=cus_A&return_url=nowhere".to_owned(), error(400, "url_invalid", "return_url")),
        ("customer=cus_A&locale=xx".to_owned(), error(400, "", "locale")),
        ("customer=cus_A&configuration=bpc_X".to_owned(), error(400, "resource_missing", "configuration")),
        ("customer=cus_A&configuration=bpc_off".to_owned(), error(400, "", "configuration")),
        ("customer=cus_A&flow_data[type]=other".to_owned(), error(400, "", "flow_data[type]")),
        ("customer=cus_A&flow_data=x".to_owned(), error(400, "", "flow_data")),
        (
            "customer=cus_A&flow_data[type]=subscription_cancel".to_owned(),
            error(400, "parameter_missing", "flow_data[subscription_cancel][subscription]"),
        ),
        (
            format!("customer=cus_A&{cancel}=sub_B"),
            error(400, "resource_missing", "flow_data[subscription_cancel][subscription]"),
        ),
        (format!("customer=cus_A&{confirm}"), error(400, "", "flow_data[subscription_update_confirm][items]")),
        (format!("customer=cus_A&{confirm}&{item}[id]=si_B"), error(400, "resource_missing", &format!("{item}[id]"))),
        (
            format!("customer=cus_A&{confirm}&{item}[id]=si_A&{item}[price]=price_X"),
            error(400, "", &format!("{item}[price]")),
        ),
        (
            format!("customer=cus_A&{cancel}=sub_A&flow_data[after_completion][type]=redirect"),
            error(400, "parameter_missing", "flow_data[after_completion][redirect][return_url]"),
        ),
    ] {
        assert_eq!(refused(account.post(&body)).await, expected, "{body}");
    }
    let json = account.post("{}").header("content-type", "application/json");
    assert_eq!(refused(json).await.0, 400);
    account.stripe.remove_configurations(Mode::Test);
    let (_, json) = send(account.post("customer=cus_A")).await;
    assert!(
        json["error"]["message"].as_str().unwrap().starts_with("No configuration provided and your test mode default")
    );
    assert!(json["error"].get("code").is_none());
}

#[tokio::test]
async fn idempotency_key_replays_response_and_rejects_other_parameters_or_concurrent_use() {
    let account = Account::new().await;
    let post = |body: &str, key: &str| account.post(body).header("idempotency-key", key);
    let first = post("customer=cus_A", "k1").send().await.unwrap();
    assert!(first.headers().get("idempotent-replayed").is_none());
    let original = first.headers()["request-id"].clone();
    let (first, second) = (first.text().await.unwrap(), post("customer=cus_A", "k1").send().await.unwrap());
    assert_eq!(second.headers()["idempotent-replayed"], "true");
    assert_eq!(second.headers()["original-request"], original);
    assert_eq!(second.text().await.unwrap(), first);
    let (status, json) = send(post("customer=cus_A&locale=de", "k1")).await;
    assert_eq!((status.as_u16(), json["error"]["type"].as_str()), (400, Some("idempotency_error")));
    // A parameter error is not stored under the key. An error of the endpoint is.
    assert_eq!(refused(post("customer=", "k2")).await.0, 400);
    assert_eq!(send(post("customer=cus_A", "k2")).await.0, StatusCode::OK);
    assert_eq!(refused(post("customer=cus_X", "k3")).await.0, 400);
    let replayed = post("customer=cus_X", "k3").send().await.unwrap();
    assert_eq!(replayed.headers()["idempotent-replayed"], "true");
    assert_eq!(refused(post("customer=cus_A", &"k".repeat(256))).await.0, 400);

    // While the first response is held back, the key is in use. The refusal of the second request is held back as well.
    let (received, release) = hold_responses(&account.stripe);
    let (held, conflict) = tokio::join!(send(post("customer=cus_A", "k4")), async {
        received.notified().await;
        let conflict = tokio::spawn(refused(post("customer=cus_A", "k4")));
        received.notified().await;
        release.add_permits(2);
        conflict.await.unwrap()
    });
    assert_eq!(held.0, StatusCode::OK);
    assert_eq!(conflict, error(409, "idempotency_key_in_use", ""));
}

#[tokio::test]
async fn portal_page_names_customer_and_links_back() {
    let account = Account::new().await;
    let (_, session) =
        send(account.post("customer=cus_A&return_url=https%3A%2F%2Fapp.example.com%2Fx%3Fa%3D1%26b%3D2")).await;
    let url = session["url"].as_str().unwrap();
    let page = account.client.get(url).send().await.unwrap();
    assert_eq!(page.headers()["cache-control"], "no-store");
    let html = page.text().await.unwrap();
    assert!(html.contains("cus_A") && html.contains("id=\"return\"") && !html.contains("<Co>"), "{html}");
    let unknown = account.client.get(format!("{url}x")).send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    assert_eq!(account.stripe.customer_of(url).as_deref(), Some("cus_A"));
}
