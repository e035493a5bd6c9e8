//! The principal token, and the signature in it alone.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use billing_portal::{
    grpc::auth::{
        jwks,
        keys::{Keys, Source},
        rules::{TokenFormat, TokenRules},
        token::Verifier,
    },
    portal::Principal,
    reload::file::ReloadingFile,
};
use serde_json::json;
use tonic::metadata::MetadataMap;

use super::{Call, open};

/// Long enough that a benchmark ends before its token expires.
const LIFETIME: Duration = Duration::from_mins(5);

pub(super) fn prepare() -> Call {
    let (keys, metadata) = (keys(), metadata());
    Box::new(move || {
        // A new verifier, because one that has seen the token does not verify its signature again.
        let verifier = Verifier::new(Arc::clone(&keys), rules());
        black_box(verifier.principal(black_box(&metadata)).expect("a valid token"));
    })
}

/// The token that the same verifier has seen before.
pub(super) fn prepare_again() -> Call {
    let (verifier, metadata) = (Verifier::new(keys(), rules()), metadata());
    Box::new(move || {
        black_box(verifier.principal(black_box(&metadata)).expect("a valid token"));
    })
}

/// The verification of the signature by aws-lc, with a key that is parsed once.
pub(super) fn prepare_signature() -> Call {
    let token = token();
    let (signed, signature) = token.rsplit_once('.').expect("a signed token");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let key = ParsedPublicKey::new(&ED25519, key().public_key().as_ref()).expect("a key");
    let signed = signed.to_owned();
    Box::new(move || key.verify_sig(black_box(signed.as_bytes()), black_box(&signature)).expect("a valid signature"))
}

/// The person whom the token names.
pub(super) fn principal() -> Principal {
    Verifier::new(keys(), rules()).principal(&metadata()).expect("a valid token")
}

fn keys() -> Arc<Keys> {
    let x = URL_SAFE_NO_PAD.encode(key().public_key());
    let keys =
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "2026-01", "alg": "EdDSA", "use": "sig", "x": x}]});
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, keys.to_string()).expect("a file");
    let file = open(ReloadingFile::open_document("--principal-jwks", path, jwks::parse));
    Arc::new(Keys::new(Source::File(file), LIFETIME))
}

fn rules() -> TokenRules {
    TokenRules {
        issuer: "https://login.example.com".to_owned(),
        audience: "billing-portal".to_owned(),
        other_audiences: Vec::new(),
        max_lifetime: LIFETIME,
        clock_skew: LIFETIME,
        format: TokenFormat::default(),
    }
}

fn metadata() -> MetadataMap {
    let mut metadata = MetadataMap::new();
    metadata.insert("authorization", format!("Bearer {}", token()).parse().expect("a header"));
    metadata
}

fn token() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let header = json!({"typ": "principal+jwt", "alg": "EdDSA", "kid": "2026-01"});
    let claims = json!({
        "iss": "https://login.example.com", "aud": "billing-portal", "iat": now, "exp": now + LIFETIME.as_secs(),
        "sub": "7f3c1b9a-olivia", "tenant": "acme-4711", "role": "owner",
    });
    let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key().sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key")
}
