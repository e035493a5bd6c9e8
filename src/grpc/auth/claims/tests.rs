use serde_json::json;

use super::*;
use crate::grpc::auth::rules::TokenFormat;

#[test]
fn errors_name_the_configured_claim_and_its_setting() {
    let claim = |text| ClaimName::parse(text).unwrap();
    let (subject, tenant, role) = (claim("user.id"), claim("/o/id"), claim("/o/roles"));
    let rules = TokenRules::for_tests(TokenFormat { subject, tenant, role, ..TokenFormat::default() });
    let valid = json!({
        "iss": rules.issuer, "aud": rules.audience, "iat": 1_000, "exp": 1_300,
        "user.id": "olivia", "o": {"id": "acme", "roles": "owner"},
    });
    let now = Duration::from_secs(1_100);
    assert!(rules.check(valid.as_object().unwrap(), now).is_ok());
    for (name, value, cause) in [
        ("iss", json!("secret"), "iss is not the value of --principal-issuer"),
        ("aud", json!("secret"), "aud is a different string; expected --principal-audience"),
        ("exp", json!(1_301), "between 1 and 300 seconds (--principal-max-lifetime)"),
        ("nbf", json!(1_200), "in the future by more than --principal-clock-skew"),
        ("user.id", json!(["secret"]), "claim user.id (--principal-subject-claim) is missing or not a string"),
        ("user.id", json!("sec ret"), "claim user.id (--principal-subject-claim) is not an id"),
        ("o", json!("secret"), "claim /o/id (--principal-tenant-claim) is missing or not a string"),
        ("o", json!({"id": ""}), "claim /o/id (--principal-tenant-claim) is not an id"),
        ("o", json!({"id": "acme"}), "claim /o/roles (--principal-role-claim) is missing, or not a string"),
        ("o", json!({"id": "acme", "roles": [""]}), "claim /o/roles (--principal-role-claim) has an empty role"),
    ] {
        let mut claims = valid.as_object().unwrap().clone();
        claims.insert(name.to_owned(), value);
        let error = rules.check(&claims, now).err().unwrap().to_string();
        assert!(error.contains(cause) && !error.contains("secret"), "{error}");
    }
}

/// Rules with two more audiences, and 5 s between the clocks.
fn rules(format: TokenFormat) -> TokenRules {
    let other_audiences = vec!["accounts".to_owned(), "invoices".to_owned()];
    TokenRules { other_audiences, clock_skew: Duration::from_secs(5), ..TokenRules::for_tests(format) }
}

/// Checks a valid token with one claim changed, at 1,100 s.
fn check(rules: &TokenRules, name: &str, value: serde_json::Value) -> Result<(), ClaimError> {
    let mut claims = json!({"iss": rules.issuer, "aud": rules.audience, "iat": 1_000, "exp": 1_300,
        "sub": "olivia", "tenant": "acme", "role": "owner"});
    claims[name] = value;
    rules.check(claims.as_object().unwrap(), Duration::from_secs(1_100)).map(drop)
}

#[test]
fn token_is_valid_from_its_first_until_before_its_last_moment() {
    let rules = rules(TokenFormat::default());
    let validity = Validity { from: 1_000, until: 1_300 };
    for (millis, expected) in [
        (994_999, Err(ClaimError::Future)),
        (995_000, Ok(())),
        (1_304_999, Ok(())),
        (1_305_000, Err(ClaimError::Expired)),
    ] {
        assert_eq!(rules.check_time(validity, Duration::from_millis(millis)), expected, "{millis}");
    }
    let lifetime = || Err(ClaimError::Lifetime(rules.max_lifetime));
    for (name, seconds, expected) in [
        ("exp", 1_300, Ok(())),
        ("exp", 1_301, lifetime()),
        ("exp", 1_000, lifetime()),
        ("exp", 1_095, Err(ClaimError::Expired)),
        ("exp", 1_096, Ok(())),
        ("iat", 1_299, Err(ClaimError::Future)),
        ("iat", 1_300, lifetime()),
        ("nbf", 1_105, Ok(())),
        ("nbf", 1_106, Err(ClaimError::Future)),
        ("nbf", 0, Ok(())),
    ] {
        assert_eq!(check(&rules, name, json!(seconds)), expected, "{name} {seconds}");
    }
}

#[test]
fn audiences_are_those_of_the_service_and_others_at_most_once() {
    let rules = rules(TokenFormat::default());
    let own = || json!("billing-portal");
    for audiences in [
        own(),
        json!([own()]),
        json!([own(), "accounts"]),
        json!(["invoices", own()]),
        json!(["invoices", own(), "accounts"]),
    ] {
        assert_eq!(check(&rules, "aud", audiences.clone()), Ok(()), "{audiences}");
    }
    for audiences in [
        json!("accounts"),
        json!([]),
        json!(["accounts"]),
        json!(["accounts", "invoices"]),
        json!([own(), own()]),
        json!([own(), "accounts", "accounts"]),
        json!([own(), "accounts", "accounts", "invoices"]),
        json!([own(), "others"]),
        json!([own(), "accounts", "others"]),
        json!([own(), 1]),
        json!([[own()]]),
        json!({"aud": own()}),
        json!(true),
        json!(null),
    ] {
        assert!(matches!(check(&rules, "aud", audiences.clone()), Err(ClaimError::Audience(_))), "{audiences}");
    }
}

#[test]
fn several_roles_are_read_only_from_tokens_of_an_identity_provider() {
    let of_service = rules(TokenFormat::default());
    let of_provider = rules(TokenFormat { subject: ClaimName::literal("tenant"), ..TokenFormat::default() });
    let roles = |count| json!(vec!["owner"; count]);
    assert_eq!(check(&of_service, "role", json!("owner")), Ok(()));
    assert_eq!(check(&of_provider, "role", json!("owner")), Ok(()));
    for count in [1, 2, MAX_ROLES] {
        assert_eq!(check(&of_provider, "role", roles(count)), Ok(()), "{count}");
        assert!(matches!(check(&of_service, "role", roles(count)), Err(ClaimError::Roles(_))), "{count}");
    }
    for refused in [roles(0), roles(MAX_ROLES + 1), json!(["owner", 1]), json!([["owner"]]), json!({"owner": true})] {
        assert!(matches!(check(&of_provider, "role", refused.clone()), Err(ClaimError::Roles(_))), "{refused}");
    }
}
