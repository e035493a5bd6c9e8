//! The authorization header, and what a valid signature protects: the header and the claims of a token.

use std::collections::HashMap;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::http::HeaderMap;
use serde_json::json;

use super::*;
use crate::{
    fuzz,
    grpc::auth::{claim_name::ClaimName, jwks, keys::Source, rules::TokenFormat, token_type::TokenTypes},
    portal::OwnerRoles,
    reload::file::ReloadingFile,
};

const NOW: u64 = 1_000;

/// The input is a list of headers. `<header>`, `<olivia>`, `<otto>` and their signatures are replaced by the segments of two valid
/// tokens, so that every token that the input can form of them is tried.
#[test]
fn authorization() {
    let pair = pair();
    let verifier = verifier(&pair, TokenFormat::default());
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"EdDSA","typ":"principal+jwt","kid":"0"}"#);
    let mut segments = HashMap::from([("<header>".to_owned(), header.clone())]);
    let tokens = ["olivia", "otto"].map(|user| {
        let claims = json!({"iss": "https://login.test", "aud": "billing-portal", "sub": user, "tenant": "acme",
            "role": "owner", "iat": 900, "exp": 1_100});
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(format!("{header}.{claims}").as_bytes()));
        let token = format!("{header}.{claims}.{signature}");
        segments.insert(format!("<{user}>"), claims);
        segments.insert(format!("<signature of {user}>"), signature);
        (user, token)
    });
    fuzz::run("authorization", |input| {
        let replaced =
            segments.iter().fold(fuzz::text(input).to_owned(), |text, (name, segment)| text.replace(name, segment));
        let headers: HeaderMap = fuzz::headers(replaced.as_bytes());
        let values: Vec<_> = headers.get_all("authorization").iter().map(|value| value.as_bytes().to_owned()).collect();
        let metadata = MetadataMap::from_headers(headers);
        let person = bearer_token(&metadata).and_then(|token| verifier.verify(token, Duration::from_secs(NOW)));
        let signed = tokens.iter().find(|(_, token)| values == [format!("Bearer {token}").into_bytes()]);
        assert_eq!(
            person.ok().map(|person| person.user().as_str().to_owned()).as_deref(),
            signed.map(|(user, _)| *user)
        );
    });
}

/// The first line of the input is the header of a token, and the rest is its claims. Both are signed as they are.
#[test]
fn claims() {
    let pair = pair();
    let provider = TokenFormat {
        types: TokenTypes::parse(&["at+jwt".to_owned()]).unwrap(),
        tenant: ClaimName::parse("/org/id").unwrap(),
        role: ClaimName::parse("roles").unwrap(),
        owner_roles: OwnerRoles::new(vec!["admin".to_owned(), "owner".to_owned()]).unwrap(),
        ..TokenFormat::default()
    };
    let formats = [(TokenFormat::default(), "/tenant", "role"), (provider, "/org/id", "roles")];
    let verifiers = formats.map(|(format, tenant, role)| (verifier(&pair, format), tenant, role));
    fuzz::run("claims", |input| {
        let mut parts = input.splitn(2, |byte| *byte == b'\n');
        let (header, claims) = (parts.next().unwrap(), parts.next().unwrap_or_default());
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes())));
        for (verifier, tenant, role) in &verifiers {
            let Ok(person) = verifier.verify(&token, Duration::from_secs(NOW)) else { continue };
            let [header, claims] = [header, claims].map(|json| serde_json::from_slice::<Value>(json).unwrap());
            for forbidden in FORBIDDEN_MEMBERS {
                assert!(header.get(forbidden).is_none() && claims.get(forbidden).is_none(), "{forbidden}");
            }
            let typ = header["typ"].as_str().unwrap().to_ascii_lowercase();
            assert!(typ == "principal+jwt" || *role == "roles" && ["at+jwt", "application/at+jwt"].contains(&&*typ));
            assert!(["EdDSA", "Ed25519"].contains(&header["alg"].as_str().unwrap()) && header["kid"] == "0");
            assert_eq!(claims["iss"], "https://login.test");
            assert!(claims["aud"] == "billing-portal" || claims["aud"] == json!(["billing-portal"]));
            let [issued, expires] = ["iat", "exp"].map(|name| claims[name].as_u64().unwrap());
            assert!(issued <= NOW && expires > NOW && expires - issued <= 300);
            assert!(claims.get("nbf").is_none_or(|nbf| nbf.as_u64().unwrap() <= NOW));
            assert_eq!(claims["sub"], person.user().as_str());
            assert_eq!(claims.pointer(tenant).unwrap(), person.tenant().as_str());
            let roles = claims[role].as_array().map_or(vec![&claims[role]], |roles| roles.iter().collect());
            assert!(roles.iter().any(|role| *role == person.role().as_str()));
            // Whether the person is an owner is printed, because only the checks of the domain can read it.
            let is_owner = roles.iter().any(|name| *name == "owner" || *role == "roles" && *name == "admin");
            assert!(format!("{:?}", person.role()).contains(&format!("is_owner: {is_owner}")));
        }
    });
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn verifier(pair: &Ed25519KeyPair, format: TokenFormat) -> Verifier {
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "0", "x": x}]});
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, keys.to_string()).unwrap();
    // The file is not read again, because the runtime stops.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let file = runtime.block_on(ReloadingFile::open_document("--principal-jwks", path, jwks::parse));
    let rules = TokenRules::for_tests(format);
    Verifier::new(Arc::new(Keys::new(Source::File(file), Duration::MAX)), rules)
}
