//! A login with sessions of its own, which signs principal tokens.

use serde_json::json;

use super::service::settings;
use crate::support::{World, issuer::claims};

#[tokio::test]
async fn signs_principal_tokens() {
    let recipe = settings("Our own session");
    let [_, issuer] = recipe.as_slice() else { panic!("more than the key set and the issuer: {recipe:?}") };
    let world = World::with(&[issuer]).await;
    let mut own = claims("olivia", "acme", "owner");
    own["iss"] = json!("https://login.example.com");
    let url = world.open(&world.issuer.sign(&world.issuer.header(), &own)).await.unwrap();
    assert_eq!(world.stripe.customer_of(&url).as_deref(), Some("cus_A"));
    world.stripe.forget_requests();
    for (member, value, reason) in [
        ("iss", json!("https://login.test"), "TOKEN_INVALID"),
        ("aud", json!("another-api"), "TOKEN_INVALID"),
        ("aud", json!(["billing-portal", "another-api"]), "TOKEN_INVALID"),
        ("tenant", json!("globex"), "NOT_OWNER"),
        ("role", json!("member"), "NOT_OWNER"),
        ("role", json!(["owner"]), "TOKEN_INVALID"),
        ("exp", json!(own["iat"].as_u64().unwrap() + 301), "TOKEN_INVALID"),
    ] {
        let mut claims = own.clone();
        claims[member] = value;
        let refusal = world.open(&world.issuer.sign(&world.issuer.header(), &claims)).await.unwrap_err();
        assert_eq!(refusal.reason, reason, "{claims}");
    }
    for typ in ["JWT", "at+jwt"] {
        let mut header = world.issuer.header();
        header["typ"] = json!(typ);
        assert_eq!(world.open(&world.issuer.sign(&header, &own)).await.unwrap_err().reason, "TOKEN_INVALID", "{typ}");
    }
    assert!(world.stripe.requests().is_empty());
}
