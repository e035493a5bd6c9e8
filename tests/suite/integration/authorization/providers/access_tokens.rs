//! Access tokens for an API that is registered at the provider.

use serde_json::{Value, json};

use super::service::{Provider, Service, published};
use crate::support::issuer::now;

#[tokio::test]
async fn auth0() {
    let role = "https://example.com/role";
    let service = Service::start(Provider {
        recipe: "Auth0",
        key: json!({"alg": "RS256", "use": "sig", "x5t": "x", "x5c": ["MIIC"]}),
        other_keys: vec![],
        header: json!({"alg": "RS256", "typ": "at+jwt"}),
        claims: json!({
            "iss": "https://example.eu.auth0.com/",
            "sub": "auth0|507f1f77bcf86cd799439011",
            "aud": ["https://billing-portal.example.com", "https://example.eu.auth0.com/userinfo"],
            "client_id": "my_client_id",
            "jti": "73WakrfVbNJBaAmhQtEeDv",
            "scope": "openid profile",
            "org_id": "org_9ybsU1dN2dKfDkBi",
            role: "owner",
        }),
        lifetime: 600,
        user: "auth0|507f1f77bcf86cd799439011",
        tenant: "org_9ybsU1dN2dKfDkBi",
    })
    .await;
    let id_token = json!({"aud": "my_client_id", "nonce": "n", "client_id": null, "scope": null});
    let two_apis = json!({"aud": ["https://billing-portal.example.com", "https://other-api.example.com"]});
    service
        .accepts_only_the_token_of_the_recipe(&[
            ("ID token", json!({"typ": "JWT"}), id_token, "TOKEN_INVALID"),
            ("Auth0 token profile", json!({"typ": "JWT"}), json!({}), "TOKEN_INVALID"),
            ("two APIs", json!({}), two_apis, "TOKEN_INVALID"),
            ("only userinfo", json!({}), json!({"aud": ["https://example.eu.auth0.com/userinfo"]}), "TOKEN_INVALID"),
            ("login without organization", json!({}), json!({"org_id": null}), "TOKEN_INVALID"),
            ("owner of another organization", json!({}), json!({"org_id": "other"}), "NOT_OWNER"),
            ("member", json!({}), json!({role: "member"}), "NOT_OWNER"),
            ("without the Action", json!({}), json!({role: null}), "TOKEN_INVALID"),
        ])
        .await;
}

#[tokio::test]
async fn okta() {
    let service = Service::start(Provider {
        recipe: "Okta",
        key: json!({"alg": "RS256", "use": "sig"}),
        other_keys: vec![],
        header: json!({"alg": "RS256"}),
        claims: json!({
            "ver": 1,
            "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
            "iss": "https://example.okta.com/oauth2/aus1example",
            "aud": "api://billing-portal",
            "sub": "olivia@example.com",
            "cid": "0oabv6kx4qq6h1U5l0h7",
            "uid": "00uid4BxXw6I6TV4m0g3",
            "scp": ["openid", "profile"],
            "auth_time": now(),
            "tenant": "acme-inc",
            "groups": ["Everyone", "billing-owners"],
        }),
        lifetime: 300,
        user: "00uid4BxXw6I6TV4m0g3",
        tenant: "acme-inc",
    })
    .await;
    let id_token =
        json!({"aud": "0oabv6kx4qq6h1U5l0h7", "sub": "00uid4BxXw6I6TV4m0g3", "uid": null, "cid": null, "scp": null});
    let org_server = json!({"iss": "https://example.okta.com", "aud": "https://example.okta.com"});
    let org_header = json!({"typ": "application/okta-internal-at+jwt"});
    service
        .accepts_only_the_token_of_the_recipe(&[
            ("ID token", json!({}), id_token, "TOKEN_INVALID"),
            ("token of the org authorization server", org_header.clone(), org_server, "TOKEN_INVALID"),
            ("its typ", org_header, json!({}), "TOKEN_INVALID"),
            ("lifetime of one hour", json!({}), json!({"exp": now() + 3_600}), "TOKEN_INVALID"),
            ("owner of another tenant", json!({}), json!({"tenant": "other"}), "NOT_OWNER"),
            ("member", json!({}), json!({"groups": ["Everyone"]}), "NOT_OWNER"),
            ("similar group", json!({}), json!({"groups": ["Everyone", "Billing-Owners"]}), "NOT_OWNER"),
            ("no group", json!({}), json!({"groups": null}), "TOKEN_INVALID"),
        ])
        .await;
}

#[tokio::test]
async fn microsoft_entra_id() {
    let certificate = "M".repeat(1_500);
    let issuer = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0";
    let key = json!({
        "use": "sig", "x5t": "x", "x5c": [certificate], "issuer": issuer, "cloud_instance_name": "microsoftonline.com",
    });
    let other_keys = (0..20).map(|other| published(&format!("other-{other}"), &key)).collect();
    let service = Service::start(Provider {
        recipe: "Microsoft Entra ID",
        key,
        other_keys,
        header: json!({"typ": "JWT", "alg": "RS256"}),
        claims: json!({
            "aud": "66666666-7777-8888-9999-000000000000",
            "iss": issuer,
            "nbf": now() - 300,
            "aio": "AWQAm/8UAAAA",
            "azp": "cccccccc-0000-0000-0000-000000000000",
            "azpacr": "1",
            "extn.tenant": "acme-inc",
            "name": "Olivia",
            "oid": "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb",
            "preferred_username": "olivia@example.com",
            "rh": "0.AAAA",
            "roles": ["owner"],
            "scp": "access_as_user",
            "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
            "tid": "11111111-2222-3333-4444-555555555555",
            "uti": "fqiBqXLPj0eQa82S-IYFAA",
            "ver": "2.0",
        }),
        lifetime: 90 * 60,
        user: "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb",
        tenant: "acme-inc",
    })
    .await;
    let id_token = json!({"aud": "cccccccc-0000-0000-0000-000000000000", "azp": null, "scp": null, "nonce": "n"});
    let version_1 = json!({"iss": "https://sts.windows.net/11111111-2222-3333-4444-555555555555/", "ver": "1.0"});
    let other_tenant = json!({"iss": "https://login.microsoftonline.com/99999999-2222-3333-4444-555555555555/v2.0"});
    let application =
        json!({"scp": null, "roles": ["owner"], "extn.tenant": null, "oid": "dddddddd-0000-1111-2222-bbbbbbbbbbbb"});
    service
        .accepts_only_the_token_of_the_recipe(&[
            ("ID token", json!({}), id_token, "TOKEN_INVALID"),
            ("version 1.0", json!({}), version_1, "TOKEN_INVALID"),
            ("another Entra tenant", json!({}), other_tenant, "TOKEN_INVALID"),
            ("application without a user", json!({}), application, "TOKEN_INVALID"),
            ("scope profile not requested", json!({}), json!({"oid": null}), "TOKEN_INVALID"),
            ("owner of another tenant", json!({}), json!({"extn.tenant": "other"}), "NOT_OWNER"),
            ("member", json!({}), json!({"roles": ["member"]}), "NOT_OWNER"),
            ("nested tenant", json!({}), json!({"extn.tenant": null, "extn": {"tenant": "acme-inc"}}), "TOKEN_INVALID"),
        ])
        .await;
}

#[tokio::test]
async fn keycloak() {
    let encryption = published("for-encryption", &json!({"alg": "RSA-OAEP", "use": "enc", "x5c": ["MIIC"]}));
    let roles = |roles: Value| {
        let account = json!({"roles": ["manage-account", "view-profile"]});
        json!({"resource_access": {"billing-portal": {"roles": roles}, "account": account}})
    };
    let mut claims = json!({
        "auth_time": now(),
        "jti": "onrtac:5b7e2d1c-3f4a-4b5c-8d6e-7f8091a2b3c4",
        "iss": "https://keycloak.example.com/realms/example",
        "aud": ["billing-portal", "account"],
        "sub": "f1c5a6c2-27d4-4e0c-9d4c-0d2c4f4a6d1b",
        "typ": "Bearer",
        "azp": "settings-backend",
        "sid": "0a1b2c3d-1111-2222-3333-444455556666",
        "acr": "1",
        "realm_access": {"roles": ["offline_access", "default-roles-example"]},
        "scope": "openid profile email",
        "preferred_username": "olivia",
        "tenant": "acme-inc",
    });
    claims["resource_access"] = roles(json!(["owner"]))["resource_access"].clone();
    let service = Service::start(Provider {
        recipe: "Keycloak",
        key: json!({"alg": "RS256", "use": "sig", "x5c": ["MIIC"], "x5t": "x", "x5t#S256": "x"}),
        other_keys: vec![encryption],
        header: json!({"alg": "RS256", "typ": "at+jwt"}),
        claims,
        lifetime: 300,
        user: "f1c5a6c2-27d4-4e0c-9d4c-0d2c4f4a6d1b",
        tenant: "acme-inc",
    })
    .await;
    let id_token = json!({"aud": "settings-backend", "typ": "ID", "tenant": null, "resource_access": null});
    let realm_role = json!({"resource_access": null, "realm_access": {"roles": ["owner"]}});
    let two_services = json!({"aud": ["billing-portal", "account", "another-api"]});
    service
        .accepts_only_the_token_of_the_recipe(&[
            ("ID token", json!({"typ": "JWT"}), id_token, "TOKEN_INVALID"),
            ("default header type", json!({"typ": "JWT"}), json!({}), "TOKEN_INVALID"),
            ("only account", json!({}), json!({"aud": "account"}), "TOKEN_INVALID"),
            ("two services", json!({}), two_services, "TOKEN_INVALID"),
            ("owner of another tenant", json!({}), json!({"tenant": "other"}), "NOT_OWNER"),
            ("member", json!({}), roles(json!(["member"])), "NOT_OWNER"),
            ("role of the realm", json!({}), realm_role, "TOKEN_INVALID"),
        ])
        .await;
}
