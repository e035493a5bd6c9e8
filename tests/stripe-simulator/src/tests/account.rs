//! `GET /v1/account`, and what restricted keys may do.

use super::{Account, FORM, SESSIONS, refusal};
use crate::{Mode, Permission, Settings, Simulator};

#[tokio::test]
async fn an_account_is_told_to_itself_whatever_the_mode() {
    let account = Account::with(Settings::default().account("acct_1Acme")).await;
    let told = account.get("/v1/account").await.json();
    for (member, expected) in [
        ("id", "\"acct_1Acme\""),
        ("object", "\"account\""),
        ("charges_enabled", "true"),
        ("country", "\"US\""),
        ("type", "\"standard\""),
    ] {
        assert_eq!(told[member].to_string(), expected);
    }
    assert_eq!(told["settings"]["dashboard"]["display_name"], "Simulated account");
    let live = account.send("GET", "/v1/account", &[("authorization", &account.bearer(Mode::Live))], "").await;
    assert_eq!(live.json(), told);
    let branding = account.get("/v1/account?expand[]=settings.branding.icon").await;
    assert_eq!(branding.status, 200);
    for (query, code, param) in [("x=1", "parameter_unknown", "x"), ("expand[]=email", "", "")] {
        let told = account.get(&format!("/v1/account?{query}")).await;
        assert_eq!(told.refusal(), refusal(400, code, param), "{query}");
    }
}

#[tokio::test]
async fn a_restricted_key_may_do_what_it_is_permitted_and_is_told_what_it_lacks() {
    let endpoints = [
        ("GET", "/v1/account", Permission::AccountRead),
        ("GET", "/v1/billing_portal/configurations", Permission::PortalConfigurationsRead),
        ("GET", "/v1/billing_portal/configurations/bpc_1", Permission::PortalConfigurationsRead),
        ("GET", "/v1/customers/cus_A", Permission::CustomersRead),
        ("POST", SESSIONS, Permission::PortalSessionsWrite),
    ];
    for held in Permission::ALL {
        let key = "rk_test_abcdefghijklmnopqrstuvwxyz";
        let account = Account::with(Settings::default().account("acct_1").restricted_key(key, &[held])).await;
        let headers = [("authorization", &*format!("Bearer {key}")), ("content-type", FORM)];
        for (method, path, needed) in endpoints {
            let body = if method == "POST" { "customer=cus_A" } else { "" };
            let told = account.send(method, path, &headers, body).await;
            let implied = (held, needed) == (Permission::PortalSessionsWrite, Permission::PortalConfigurationsRead);
            if held == needed || implied {
                assert_eq!(told.status, 200, "{held:?} {path}");
                continue;
            }
            assert_eq!(told.refusal(), refusal(403, "", ""), "{held:?} {path}");
            let expected = format!(
                "The provided key 'rk_test_**********************wxyz' does not have the required permissions for this endpoint on account 'acct_1'. Having the 'rak_{}' permission would allow this request to continue.",
                needed.name()
            );
            assert_eq!(told.message(), expected);
        }
    }
}

#[tokio::test]
async fn what_is_not_permitted_leaves_no_trace_under_its_idempotency_key() {
    let account = Account::with(Settings::default().restricted_key("rk_test_none", &[])).await;
    let headers = [("authorization", "Bearer rk_test_none"), ("content-type", FORM), ("idempotency-key", "k")];
    assert_eq!(account.send("POST", SESSIONS, &headers, "customer=cus_B").await.status, 403);
    let told = account.post_in(Mode::Test, "customer=cus_A", &[("idempotency-key", "k")]).await;
    assert_eq!((told.status, told.header("idempotent-replayed")), (200, ""));
    // An unknown path needs no permission to be unknown.
    assert_eq!(account.send("GET", "/v1/invoices", &headers, "").await.status, 404);
}

#[tokio::test]
async fn permissions_have_stripes_names_and_only_restricted_keys_have_permissions() {
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
