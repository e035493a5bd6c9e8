//! Tokens of a session, to which a template or a function adds what is missing.

use serde_json::json;

use super::service::{Provider, Service, published};
use crate::support::issuer::now;

#[tokio::test]
async fn clerk() {
    let service = Service::start(Provider {
        recipe: "Clerk",
        key: json!({"alg": "RS256", "use": "sig"}),
        other_keys: vec![],
        header: json!({"alg": "RS256", "cat": "cl_B7d4PD222AAA", "typ": "JWT"}),
        claims: json!({
            "aud": "billing-portal",
            "azp": "https://app.example.com",
            "iss": "https://clerk.example.com",
            "jti": "10db7f531a90cb2faea4",
            "nbf": now() - 5,
            "org_id": "org_2abcDEF",
            "org_role": "org:admin",
            "sub": "user_1deJLArSTiWiF1YdsEWysnhJLLY",
        }),
        lifetime: 60,
        user: "user_1deJLArSTiWiF1YdsEWysnhJLLY",
        tenant: "org_2abcDEF",
    })
    .await;
    let session_token = json!({
        "aud": null, "org_id": null, "org_role": null, "sid": "sess_123", "v": 2, "o": {"id": "org_2abcDEF", "rol": "admin"},
    });
    service
        .accepts_only_the_token_of_the_recipe(&[
            ("session token", json!({"cat": "cl_B7d4PD111AAA"}), session_token, "TOKEN_INVALID"),
            ("another template", json!({}), json!({"aud": "another-api"}), "TOKEN_INVALID"),
            ("five minutes", json!({}), json!({"exp": now() + 300}), "TOKEN_INVALID"),
            ("no active organization", json!({}), json!({"org_id": null, "org_role": null}), "TOKEN_INVALID"),
            ("owner of another organization", json!({}), json!({"org_id": "other"}), "NOT_OWNER"),
            ("member", json!({}), json!({"org_role": "org:member"}), "NOT_OWNER"),
            ("role without its prefix", json!({}), json!({"org_role": "admin"}), "NOT_OWNER"),
        ])
        .await;
}

#[tokio::test]
async fn workos() {
    let service = Service::start(Provider {
        recipe: "WorkOS",
        key: json!({"alg": "RS256", "use": "sig", "x5c": ["MIIC"], "x5t#S256": "x"}),
        other_keys: vec![],
        header: json!({"alg": "RS256"}),
        claims: json!({
            "aud": "billing-portal",
            "iss": "https://api.workos.com/user_management/client_123456789",
            "sub": "user_01HBEQKA6K4QJAS93VPE39W1JT",
            "org_id": "org_01HRDMC6CM357W30QMHMQ96Q0S",
            "role": "admin",
            "roles": ["admin"],
            "permissions": ["posts:read", "posts:write"],
            "entitlements": ["audit-logs"],
            "sid": "session_01HQSXZGF8FHF7A9ZZFCW4387R",
            "jti": "01HQSXZXPPFPKMDD32RKTFY6PV",
        }),
        lifetime: 300,
        user: "user_01HBEQKA6K4QJAS93VPE39W1JT",
        tenant: "org_01HRDMC6CM357W30QMHMQ96Q0S",
    })
    .await;
    let other_environment = json!({"iss": "https://api.workos.com/user_management/client_987654321"});
    service
        .accepts_only_the_token_of_the_recipe(&[
            ("without the template", json!({}), json!({"aud": null}), "TOKEN_INVALID"),
            ("another environment", json!({}), other_environment, "TOKEN_INVALID"),
            ("impersonation", json!({}), json!({"act": {"sub": "admin@foocorp.com"}}), "TOKEN_INVALID"),
            ("no organization", json!({}), json!({"org_id": null, "role": null}), "TOKEN_INVALID"),
            ("owner of another organization", json!({}), json!({"org_id": "other"}), "NOT_OWNER"),
            ("member", json!({}), json!({"role": "member", "roles": ["member"]}), "NOT_OWNER"),
        ])
        .await;
}

#[tokio::test]
async fn amazon_cognito() {
    let id_token_key = published("id-token-key", &json!({"alg": "RS256", "use": "sig"}));
    let service = Service::start(Provider {
        recipe: "Amazon Cognito",
        key: json!({"alg": "RS256", "use": "sig"}),
        other_keys: vec![id_token_key],
        header: json!({"alg": "RS256"}),
        claims: json!({
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "cognito:groups": ["billing-owners"],
            "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example",
            "version": 2,
            "client_id": "1example23456789",
            "origin_jti": "aaaaaaaa-1111-2222-3333-bbbbbbbbbbbb",
            "token_use": "access",
            "scope": "openid profile",
            "auth_time": now(),
            "jti": "aaaaaaaa-4444-5555-6666-bbbbbbbbbbbb",
            "username": "olivia",
            "aud": "1example23456789",
            "tenant": "acme-inc",
            "role": "owner",
        }),
        lifetime: 3_600,
        user: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        tenant: "acme-inc",
    })
    .await;
    let id_token = json!({
        "token_use": "id", "client_id": null, "scope": null, "username": null, "tenant": null, "role": null,
        "cognito:username": "olivia", "custom:tenant": "acme-inc",
    });
    service
        .accepts_only_the_token_of_the_recipe(&[
            ("ID token", json!({}), id_token, "TOKEN_INVALID"),
            ("without the function", json!({}), json!({"aud": null, "tenant": null, "role": null}), "TOKEN_INVALID"),
            ("another app client", json!({}), json!({"aud": "2example", "client_id": "2example"}), "TOKEN_INVALID"),
            ("owner of another tenant", json!({}), json!({"tenant": "other"}), "NOT_OWNER"),
            ("member", json!({}), json!({"role": "member", "cognito:groups": null}), "NOT_OWNER"),
        ])
        .await;
}
