//! Keys, modes and versions.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::net::TcpListener;

use super::{Account, FORM, SESSIONS};
use crate::{Mode, Settings, Simulator};

const PATH: &str = "/v1/customers/cus_A";

#[tokio::test]
async fn accepts_bearer_token_and_basic_user_with_empty_password() {
    let account = Account::new().await;
    let key = account.stripe.secret_key(Mode::Test);
    let basic = format!("Basic {}", STANDARD.encode(format!("{key}:")));
    for authorization in [format!("Bearer {key}"), format!("bearer {key}"), basic] {
        assert_eq!(account.send("GET", PATH, &[("authorization", &authorization)], "").await.status, 200);
    }
}

#[tokio::test]
async fn refuses_missing_and_malformed_authorization() {
    let account = Account::new().await;
    let key = account.stripe.secret_key(Mode::Test);
    let password = format!("Basic {}", STANDARD.encode(format!("{key}:secret")));
    let missing = ["", "Bearer", "Bearer ", "Basic", "Basic !", "Digest x", key, &password];
    for authorization in missing {
        let response = account.send("GET", PATH, &[("authorization", authorization)], "").await;
        assert_eq!(response.refusal(), super::refusal(401, "", ""), "{authorization}");
        assert!(response.message().starts_with("You did not provide an API key."), "{authorization}");
    }
    assert_eq!(account.send("GET", PATH, &[], "").await.status, 401);
    let bearer = account.bearer(Mode::Test);
    let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    assert_eq!(account.send("GET", PATH, &twice, "").await.status, 401);
}

#[tokio::test]
async fn created_key_is_accepted_until_it_is_revoked() {
    let account = Account::new().await;
    let status = async || account.send("GET", PATH, &[("authorization", "Bearer sk_test_second")], "").await.status;
    assert_eq!(status().await, 401);
    account.stripe.create_key("sk_test_second");
    assert_eq!(status().await, 200);
    account.stripe.revoke_key("sk_test_second");
    assert_eq!(status().await, 401);
}

#[tokio::test]
async fn invalid_key_is_masked_in_error() {
    let account = Account::new().await;
    for (key, shown) in [
        ("sk_test_abcdefghijklmnopqrstuvwxyz", "sk_test_**********************wxyz"),
        ("rk_live_abcdefghijklmnopqrstuvwxyz", "rk_live_**********************wxyz"),
        ("sk_test_short", "sk_test_*****"),
        ("secret", "******"),
    ] {
        let response = account.send("GET", PATH, &[("authorization", &format!("Bearer {key}"))], "").await;
        assert_eq!((response.status, response.message()), (401, format!("Invalid API Key provided: {shown}")));
    }
}

#[tokio::test]
async fn key_determines_mode_and_can_be_restricted() {
    let account = Account::with(Settings::default().secret_key("rk_live_chosen")).await;
    assert_eq!(account.stripe.secret_key(Mode::Live), "rk_live_chosen");
    assert!(account.stripe.secret_key(Mode::Test).starts_with("sk_test_"));
    let live = [("authorization", "Bearer rk_live_chosen")];
    assert_eq!(account.send("GET", "/v1/customers/cus_L", &live, "").await.json()["livemode"], true);
    assert_eq!(account.send("GET", PATH, &live, "").await.status, 404);
    for key in ["pk_test_x", "sk_x", "sk_test_", "sk_tester_x"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(Simulator::start_with(listener, Settings::default().secret_key(key)).is_err(), "{key}");
    }
}

#[tokio::test]
async fn accepts_well_formed_version_and_refuses_others() {
    let account = Account::new().await;
    let bearer = account.bearer(Mode::Test);
    for version in ["2026-09-30.endive", "2020-08-27"] {
        let response = account.send("GET", PATH, &[("authorization", &bearer), ("stripe-version", version)], "").await;
        assert_eq!((response.status, response.header("stripe-version")), (200, version));
    }
    for version in ["", "latest", "2026-9-30", "2026-13-01", "2026-00-10", "2026-09-32", "2026-09-30.", "2026-09-30.E"]
    {
        let response = account.send("GET", PATH, &[("authorization", &bearer), ("stripe-version", version)], "").await;
        assert_eq!(response.refusal(), super::refusal(400, "", ""), "{version}");
        assert_eq!(response.message(), format!("Invalid Stripe API version: {version}"));
    }
    let (one, other) = (("stripe-version", "2020-08-27"), ("stripe-version", "2020-08-27"));
    assert_eq!(account.send("GET", PATH, &[("authorization", &bearer), one, other], "").await.status, 400);
    assert_eq!(account.get(PATH).await.header("stripe-version"), "2026-09-30.endive");
}

#[tokio::test]
async fn unknown_path_is_unrecognized() {
    let account = Account::new().await;
    for path in [
        "/v1/invoices",
        "/v1/customers",
        "/v1/subscriptions/sub_A",
        "/v1/checkout/sessions/cs_A",
        "/v1/customers/cus_A/sources",
        SESSIONS,
    ] {
        let response = account.get(path).await;
        assert_eq!(response.refusal(), super::refusal(404, "", ""), "{path}");
        assert!(response.message().starts_with(&format!("Unrecognized request URL (GET: {path}). Please see")));
    }
    let response = account.get("/v1/customers/").await;
    assert!(response.message().contains("If you are trying to list objects, remove the trailing slash."));
    assert_eq!(account.send("GET", "/", &[], "").await.status, 404);
    let bearer = account.bearer(Mode::Test);
    for (method, path) in
        [("POST", "/v1/customers"), ("POST", "/v1/subscriptions"), ("DELETE", PATH), ("PUT", SESSIONS)]
    {
        let response =
            account.send(method, path, &[("authorization", &bearer), ("content-type", FORM)], "customer=cus_A").await;
        assert_eq!(response.status, 404, "{method} {path}");
    }
}
