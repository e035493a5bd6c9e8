//! Integration: the real server refuses every invalid token without calling Stripe.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tonic::{Code, Request};

use crate::support::{
    Issuer, World,
    issuer::{claims, now},
    world::{bearer, home},
};

async fn assert_refused(world: &World, token: &str, reason: &str, case: &str) {
    let refusal = world.open(token).await.expect_err(case);
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::Unauthenticated, reason), "{case}");
    assert_eq!(world.access(token, "").await.unwrap_err().reason, reason, "{case}");
    assert!(world.stripe.requests().is_empty(), "{case}");
}

fn with_member(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

#[tokio::test]
async fn rejects_invalid_header_members() {
    let world = World::start().await;
    let header = world.issuer.header();
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("None")),
        ("alg", json!("HS256")),
        ("alg", json!("ES256")),
        ("alg", json!("ES384")),
        ("alg", Value::Null),
        ("typ", json!("JWT")),
        ("typ", json!("at+jwt")),
        ("typ", json!("Principal+JWT")),
        ("typ", Value::Null),
        ("kid", json!("unknown")),
        ("kid", json!("../../etc/passwd")),
        ("kid", json!("' OR 1=1 --")),
        ("kid", json!(["key-1"])),
        ("crit", json!(["exp"])),
        ("jku", json!("https://evil.test/jwks")),
        ("x5u", json!("https://evil.test/x")),
        ("x5c", json!([])),
        ("jwk", world.issuer.jwk()),
    ] {
        let case = format!("{name}: {value}");
        let token = world.issuer.sign(&with_member(header.clone(), name, value), &claims("olivia", "acme", "owner"));
        assert_refused(&world, &token, "TOKEN_INVALID", &case).await;
    }
}

#[tokio::test]
async fn rejects_invalid_claims() {
    let world = World::start().await;
    let now = now();
    for (name, value) in [
        ("iss", json!("https://login.test/")),
        ("iss", json!("HTTPS://login.test")),
        ("iss", json!(["https://login.test"])),
        ("aud", json!([])),
        ("aud", json!(["billing-portal", "billing-portal"])),
        ("aud", json!(["billing-portal", "other"])),
        ("aud", json!([["billing-portal"]])),
        ("aud", json!({"billing-portal": true})),
        ("aud", json!("billing-portal-2")),
        ("aud", Value::Null),
        ("sub", json!("")),
        ("sub", json!("a b")),
        ("sub", json!(7)),
        ("tenant", json!("")),
        ("tenant", json!({"id": "acme"})),
        ("tenant", json!("x".repeat(256))),
        ("role", json!("")),
        ("role", json!(["owner"])),
        ("role", Value::Null),
        ("exp", json!(format!("{}", now + 60))),
        ("exp", json!(-1)),
        ("exp", json!(1e18)),
        ("exp", json!(now + 301 + 5)),
        ("exp", json!(now)),
        ("exp", Value::Null),
        ("iat", json!(now + 60)),
        ("iat", json!(1.5)),
        ("nbf", json!(now + 60)),
        ("nbf", json!("soon")),
        ("nbf", Value::Null),
        ("act", json!({"sub": "service"})),
        ("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})),
    ] {
        let case = format!("{name}: {value}");
        // Issued at the table's `now`, because checking the earlier rows takes time.
        let valid =
            with_member(with_member(claims("olivia", "acme", "owner"), "iat", json!(now)), "exp", json!(now + 300));
        let token = world.issuer.sign(&world.issuer.header(), &with_member(valid, name, value));
        assert_refused(&world, &token, "TOKEN_INVALID", &case).await;
    }
}

#[tokio::test]
async fn expired_token_gets_token_expired() {
    let world = World::start().await;
    let mut claims = claims("olivia", "acme", "owner");
    claims["iat"] = json!(now() - 200);
    claims["exp"] = json!(now() - 6);
    assert_refused(&world, &world.issuer.sign(&world.issuer.header(), &claims), "TOKEN_EXPIRED", "expired").await;
}

#[tokio::test]
async fn tolerates_small_clock_skew() {
    let world = World::start().await;
    let mut claims = claims("olivia", "acme", "owner");
    claims["iat"] = json!(now() + 3);
    claims["nbf"] = json!(now() + 3);
    world.open(&world.issuer.sign(&world.issuer.header(), &claims)).await.unwrap();
}

#[tokio::test]
async fn rejects_duplicate_members_and_malformed_claims() {
    let world = World::start().await;
    let header = world.issuer.header().to_string();
    let claims = claims("olivia", "acme", "owner").to_string();
    let with_duplicate = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    for (header, claims) in [
        (header.clone(), with_duplicate(&claims, r#""tenant":"globex""#)),
        (header.clone(), with_duplicate(&claims, r#""\u0074enant":"globex""#)),
        (header.clone(), with_duplicate(&claims, r#""role":"owner""#)),
        (with_duplicate(&header, r#""alg":"EdDSA""#), claims.clone()),
        (header.clone(), "[]".to_owned()),
        (header.clone(), format!("{claims}{claims}")),
    ] {
        let token = world.issuer.sign_raw(&header, &claims);
        assert_refused(&world, &token, "TOKEN_INVALID", &claims).await;
    }
}

#[tokio::test]
async fn rejects_invalid_signatures_and_malformed_tokens() {
    let world = World::start().await;
    let good = world.olivia();
    let parts: Vec<&str> = good.split('.').collect();
    let forged = Issuer::new("key-1").token("olivia", "acme", "owner");
    let mut flipped = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    flipped[10] ^= 1;
    let flipped = URL_SAFE_NO_PAD.encode(flipped);
    let other_claims = claims("greta", "globex", "owner").to_string();
    for (case, token) in [
        ("forged", forged),
        ("flipped", format!("{}.{}.{flipped}", parts[0], parts[1])),
        ("swapped claims", format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(other_claims), parts[2])),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("two segments", format!("{}.{}", parts[0], parts[1])),
        ("four segments", format!("{good}.x")),
        ("five segments", format!("{good}.x.y")),
        ("zero signature", format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode([0_u8; 64]))),
        ("padded", format!("{good}=")),
        ("white space", format!("{good} ")),
        ("joined", format!("{good},Bearer {good}")),
        ("over 8 KiB", format!("{good}{}", "A".repeat(8 * 1024))),
        ("empty", String::new()),
    ] {
        assert_refused(&world, &token, "TOKEN_INVALID", case).await;
    }
}

#[tokio::test]
async fn requires_exactly_one_bearer_header() {
    let world = World::start().await;
    let good = world.olivia();
    for value in [
        format!("Basic {good}"),
        good.clone(),
        format!("bearer {good}"),
        format!("Bearer  {good}"),
        "Bearer".to_owned(),
    ] {
        let mut request = Request::new(home());
        request.metadata_mut().insert("authorization", value.parse().unwrap());
        assert_eq!(world.send(request).await.unwrap_err().reason, "TOKEN_INVALID", "{value}");
    }
    let mut duplicate = bearer(&good, home());
    duplicate.metadata_mut().append("authorization", format!("Bearer {good}").parse().unwrap());
    assert_eq!(world.send(duplicate).await.unwrap_err().reason, "TOKEN_INVALID");

    let mut binary = Request::new(home());
    binary
        .metadata_mut()
        .insert_bin("authorization-bin", tonic::metadata::BinaryMetadataValue::from_bytes(good.as_bytes()));
    assert_eq!(world.send(binary).await.unwrap_err().reason, "TOKEN_MISSING");
}

#[tokio::test]
async fn accepts_published_key_and_rejects_withdrawn_key() {
    let world = World::start().await;
    let new = Issuer::new("key-2");
    let token = new.token("olivia", "acme", "owner");
    assert_eq!(world.open(&token).await.unwrap_err().reason, "TOKEN_INVALID");
    std::fs::write(world.path("jwks.json"), new.jwks().to_string()).unwrap();
    // The file is polled every 250 ms and takes effect at the second poll; until then the old key is valid.
    while world.open(&token).await.is_err() {}
    assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "TOKEN_INVALID");
}

#[tokio::test]
async fn accepts_audience_as_only_element_of_array() {
    let world = World::start().await;
    let claims = with_member(claims("olivia", "acme", "owner"), "aud", json!(["billing-portal"]));
    world.open(&world.issuer.sign(&world.issuer.header(), &claims)).await.unwrap();
}
