//! `GET /v1/account`, and permissions of restricted keys.

use super::{Account, FORM, SESSIONS, refusal};
use crate::{Mode, Permission, Settings, Simulator};

#[tokio::test]
async fn account_is_the_same_in_both_modes() {
    let account = Account::with(Settings::default().account("acct_1Acme")).await;
    let retrieved = account.get("/v1/account").await.json();
    for (member, expected) in [
        ("id", "\"acct_1Acme\""),
        ("object", "\"account\""),
        ("charges_enabled", "true"),
        ("country", "\"US\""),
        ("type", "\"standard\""),
    ] {
        assert_eq!(retrieved[member].to_string(), expected);
    }
    assert_eq!(retrieved["settings"]["dashboard"]["display_name"], "Simulated account");
    let live = account.send("GET", "/v1/account", &[("authorization", &account.bearer(Mode::Live))], "").await;
    assert_eq!(live.json(), retrieved);
    let branding = account.get("/v1/account?expand[]=settings.branding.icon").await;
    assert_eq!(branding.status, 200);
    for (query, code, param) in [("x=1", "parameter_unknown", "x"), ("expand[]=email", "", "")] {
        let response = account.get(&format!("/v1/account?{query}")).await;
        assert_eq!(response.refusal(), refusal(400, code, param), "{query}");
    }
}

#[tokio::test]
async fn restricted_key_is_limited_to_its_permissions() {
    let endpoints = [
        ("GET", "/v1/account", Permission::AccountRead),
        ("GET", "/v1/billing_portal/configurations", Permission::PortalConfigurationsRead),
        ("GET", "/v1/billing_portal/configurations/bpc_1", Permission::PortalConfigurationsRead),
        ("GET", "/v1/checkout/sessions", Permission::CheckoutSessionsRead),
        ("GET", "/v1/customers/cus_A", Permission::CustomersRead),
        ("POST", "/v1/customers/cus_A", Permission::CustomersWrite),
        ("GET", "/v1/events", Permission::EventsRead),
        ("POST", SESSIONS, Permission::PortalSessionsWrite),
        ("GET", "/v1/subscriptions", Permission::SubscriptionsRead),
    ];
    for held in Permission::ALL {
        let key = "rk_test_abcdefghijklmnopqrstuvwxyz";
        let account = Account::with(Settings::default().account("acct_1").restricted_key(key, &[held])).await;
        let headers = [("authorization", &*format!("Bearer {key}")), ("content-type", FORM)];
        for (method, path, needed) in endpoints {
            let body = if path == SESSIONS { "customer=cus_A" } else { "" };
            let response = account.send(method, path, &headers, body).await;
            let implied = [
                (Permission::CustomersWrite, Permission::CustomersRead),
                (Permission::PortalSessionsWrite, Permission::PortalConfigurationsRead),
            ]
            .contains(&(held, needed));
            if held == needed || implied {
                assert_eq!(response.status, 200, "{held:?} {path}");
                continue;
            }
            assert_eq!(response.refusal(), refusal(403, "", ""), "{held:?} {path}");
            let expected = format!(
                "The provided key 'rk_test_**********************wxyz' does not have the required permissions for this endpoint on account 'acct_1'. Having the 'rak_{}' permission would allow this request to continue.",
                needed.name()
            );
            assert_eq!(response.message(), expected);
        }
    }
}

#[tokio::test]
async fn forbidden_request_does_not_use_its_idempotency_key() {
    let account = Account::with(Settings::default().restricted_key("rk_test_none", &[])).await;
    let headers = [("authorization", "Bearer rk_test_none"), ("content-type", FORM), ("idempotency-key", "k")];
    assert_eq!(account.send("POST", SESSIONS, &headers, "customer=cus_B").await.status, 403);
    let response = account.post_in(Mode::Test, "customer=cus_A", &[("idempotency-key", "k")]).await;
    assert_eq!((response.status, response.header("idempotent-replayed")), (200, ""));
    // Permissions are not checked for an unknown path.
    assert_eq!(account.send("GET", "/v1/invoices", &headers, "").await.status, 404);
}

#[tokio::test]
async fn only_restricted_keys_can_have_permissions() {
    for permission in Permission::ALL {
        assert_eq!(Permission::from_name(permission.name()), Some(permission));
    }
    assert_eq!(Permission::from_name("charge_read"), None);
    for key in ["sk_test_x", "rk_x", "pk_test_x"] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = Settings::default().restricted_key(key, &Permission::ALL);
        assert!(Simulator::start_with(listener, settings).is_err(), "{key}");
    }
}
