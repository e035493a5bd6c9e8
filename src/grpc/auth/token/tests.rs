use std::path::Path;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;

use super::*;
use crate::{
    grpc::auth::{jwks, keys::Source, rules::TokenFormat},
    portal::{OwnerRoles, TenantId, UserId},
    reload::file::ReloadingFile,
};

const NOW: Duration = Duration::from_secs(1_000);

/// Writes a key set with the public keys of these pairs, named by their position.
fn publish(path: &Path, pairs: &[&Ed25519KeyPair]) {
    let key = |(kid, pair): (usize, &&Ed25519KeyPair)| {
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid.to_string(), "x": x})
    };
    let keys: Vec<_> = pairs.iter().enumerate().map(key).collect();
    std::fs::write(path, json!({"keys": keys}).to_string()).unwrap();
}

fn sign(pair: &Ed25519KeyPair, kid: &str, user: &str, expires: u64) -> String {
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(json!({"alg": "EdDSA", "typ": "principal+jwt", "kid": kid}));
    let claims = encode(json!({"iss": "https://login.test", "aud": "billing-portal", "sub": user, "tenant": "acme",
        "role": "owner", "iat": 900, "exp": expires}));
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(format!("{header}.{claims}").as_bytes()));
    format!("{header}.{claims}.{signature}")
}

#[tokio::test]
async fn verified_token_is_remembered_by_every_byte_until_it_expires_or_the_keys_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let pairs = [Ed25519KeyPair::generate().unwrap(), Ed25519KeyPair::generate().unwrap()];
    publish(&path, &[&pairs[0]]);
    let file = ReloadingFile::open_document("--principal-jwks", path.clone(), jwks::parse).await;
    let mut changes = file.changes();
    let rules = TokenRules::for_tests(TokenFormat::default());
    let keys = Keys::new(Source::File(file), Duration::from_mins(1));
    let verifier = Verifier::new(Arc::new(keys), rules);
    let remembered = |token: &str| {
        let keys = verifier.keys.current().unwrap();
        verifier.verified.get(token, &keys).map(|(person, _)| person)
    };
    let user = |result: Result<Principal, TokenError>| result.map(|person| person.user().as_str().to_owned());

    let (olivia, otto) = (sign(&pairs[0], "0", "olivia", 1_100), sign(&pairs[0], "0", "otto", 1_100));
    for _ in 0..2 {
        assert_eq!(user(verifier.verify(&olivia, NOW)).unwrap(), "olivia");
        assert_eq!(user(verifier.verify(&otto, NOW)).unwrap(), "otto");
    }
    assert!(remembered(&olivia).is_some() && remembered(&otto).is_some());

    // Another token with one part of a remembered one is verified on its own, and refused.
    let (signed, signature) = olivia.rsplit_once('.').unwrap();
    let (others, _) = otto.rsplit_once('.').unwrap();
    for forged in [format!("{others}.{signature}"), format!("{signed}.{}", &signature[1..]), format!("{olivia}=")] {
        assert!(verifier.verify(&forged, NOW).is_err() && remembered(&forged).is_none(), "{forged}");
    }

    // The time is compared at each use, in both directions.
    let before = Duration::from_secs(899);
    assert!(matches!(verifier.verify(&olivia, before), Err(TokenError::Claim(ClaimError::Future))));
    assert_eq!(user(verifier.verify(&olivia, NOW)).unwrap(), "olivia");
    assert!(matches!(
        verifier.verify(&olivia, Duration::from_secs(1_100)),
        Err(TokenError::Claim(ClaimError::Expired))
    ));
    assert!(remembered(&olivia).is_none() && remembered(&otto).is_some());

    // The key is removed, and another key has its name.
    publish(&path, &[&pairs[1]]);
    changes.changed().await.unwrap();
    assert!(matches!(verifier.verify(&otto, NOW), Err(TokenError::Signature)) && remembered(&otto).is_none());
    assert_eq!(user(verifier.verify(&sign(&pairs[1], "0", "otto", 1_100), NOW)).unwrap(), "otto");
}

#[test]
fn number_of_remembered_tokens_is_limited() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Ed25519KeyPair::generate().unwrap();
    let path = folder.path().join("jwks.json");
    publish(&path, &[&pair]);
    let keys = Arc::new(jwks::parse(&std::fs::read(path).unwrap()).unwrap());
    let tokens = VerifiedTokens::default();
    let role = OwnerRoles::default().choose(&["owner"]).unwrap();
    let person = Principal::new(UserId::parse("olivia").unwrap(), TenantId::parse("acme").unwrap(), role);
    for number in 0..2_000 {
        tokens.insert(&number.to_string(), &keys, (person.clone(), Validity::default()));
    }
    assert_eq!(format!("{tokens:?}"), "VerifiedTokens(1024)");
    assert!(tokens.get("1999", &keys).is_some() && tokens.get("0", &keys).is_none());
}

#[tokio::test]
async fn token_has_at_most_8_kib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    publish(&path, &[&Ed25519KeyPair::generate().unwrap()]);
    let file = ReloadingFile::open_document("--principal-jwks", path, jwks::parse).await;
    let keys = Keys::new(Source::File(file), Duration::from_mins(1));
    let verifier = Verifier::new(Arc::new(keys), TokenRules::for_tests(TokenFormat::default()));
    let error = |bytes: usize| verifier.verify(&"x".repeat(bytes), NOW).unwrap_err();
    assert!(matches!((error(8 * 1024), error(8 * 1024 + 1)), (TokenError::NotCompact, TokenError::TooLong)));
}
