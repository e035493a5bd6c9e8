//! Integration: with each setting for tokens, exactly the intended tokens are accepted. With the default settings, no token is
//! accepted that was refused before these settings existed.

mod rows;

use billing_portal::commands::{self, EarlyExit};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{
    World,
    issuer::{claims, now},
    world::{arguments, override_settings},
};

/// Settings, by the name that the rows use.
const SETTINGS: [(&str, &[&str]); 8] = [
    ("types", &["--principal-token-types=at+jwt,application/JWT"]),
    ("none", &["--principal-token-types=none"]),
    ("roles", &["--owner-roles=owner,org:admin"]),
    ("audiences", &["--principal-other-audiences=https://login.test/userinfo,second"]),
    ("lifetime", &["--principal-max-lifetime=1h"]),
    (
        "literal",
        &[
            "--principal-subject-claim=user.id",
            "--principal-tenant-claim=https://example.com/org_id",
            "--principal-role-claim=app:roles",
        ],
    ),
    (
        "pointer",
        &["--principal-subject-claim=/u/id", "--principal-tenant-claim=/o/id", "--principal-role-claim=/o/roles/a~1b"],
    ),
    ("same", &["--principal-tenant-claim=sub"]),
];

async fn check(settings: &'static str, values: &'static [&'static str]) -> usize {
    let world = World::with(values).await;
    // The user acme owns the tenant acme, as in a product in which each user is a tenant.
    world.sql("INSERT INTO billing_portal_owners VALUES ('acme', 'acme')");
    let rows = rows::all();
    let count = rows.len();
    for row in rows {
        let (mut header, mut claims) = (world.issuer.header(), claims("olivia", "acme", "owner"));
        (claims["iat"], claims["exp"]) = (json!(now()), json!(now() + 300));
        (row.change)(&mut header, &mut claims);
        let token = world.issuer.sign(&header, &claims);
        let is_in = |list: &str| list.split(' ').any(|name| name == settings);
        let expected = match (is_in(row.opens), is_in(row.not_owner)) {
            (true, false) => "OK",
            (false, true) => "NOT_OWNER",
            (false, false) => "TOKEN_INVALID",
            (true, true) => panic!("{}: two outcomes", row.name),
        };
        let opened = world.open(&token).await.map_or_else(|error| error.reason, |_| "OK".to_owned());
        assert_eq!(opened, expected, "{settings}: {}", row.name);
        // The page shows the same.
        let access = world.access(&token, "").await.map(|access| access.visible);
        let shown =
            access.map_or_else(|error| error.reason, |visible| if visible { "OK" } else { "NOT_OWNER" }.to_owned());
        assert_eq!(shown, expected, "{settings}: {}", row.name);
    }
    let outcomes = world.audit().into_iter().filter(|entry| entry["reason"] == "OK");
    for entry in outcomes {
        assert_eq!((&entry["tenant"], &entry["customer"]), (&json!("acme"), &json!("cus_A")), "{settings}");
    }
    count
}

/// Values that stop the start, with the message that they print.
const WRONG: [(&[&str], &str); 35] = [
    (&["--principal-token-types="], "must not be empty"),
    (&["--principal-token-types=at+jwt,"], SECOND_IS_EMPTY),
    (&["--principal-token-types=at+jwt, JWT"], SECOND_HAS_SPACE),
    (&["--principal-token-types=*"], NOT_A_TYPE),
    (&["--principal-token-types=*/*"], NOT_A_TYPE),
    (&["--principal-token-types=at jwt"], NOT_A_TYPE),
    (&["--principal-token-types=application/"], NOT_A_TYPE),
    (&["--principal-token-types=application/at/jwt"], NOT_A_TYPE),
    (&["--principal-token-types=at+jwt,at+jwt"], "must not contain the same value twice"),
    (&["--principal-token-types=JWT,application/jwt"], SAME_TYPE),
    (&["--principal-token-types=none,NONE"], SAME_TYPE),
    (&["--principal-subject-claim="], "must name a claim"),
    (&["--principal-subject-claim=/"], "must name a claim"),
    (&["--principal-tenant-claim=//id"], "must name a claim"),
    (&["--principal-tenant-claim=/o/~2"], NOT_A_POINTER),
    (&["--principal-tenant-claim=/o~"], NOT_A_POINTER),
    (&["--principal-tenant-claim=iss"], ABOUT_TOKEN),
    (&["--principal-role-claim=aud"], ABOUT_TOKEN),
    (&["--principal-role-claim=/aud/0"], ABOUT_TOKEN),
    (&["--principal-subject-claim=jti"], ABOUT_TOKEN),
    (&["--principal-subject-claim= sub"], "has a space before or after it; remove the space"),
    (&["--principal-role-claim=/o/roles "], "has a space before or after it; remove the space"),
    (&["--principal-tenant-claim=#/o/id"], NO_FRAGMENT),
    (&["--owner-roles="], "must not be empty"),
    (&["--owner-roles=owner,,admin"], SECOND_IS_EMPTY),
    (&["--owner-roles=owner,admin "], SECOND_HAS_SPACE),
    (&["--owner-roles=owner, admin"], SECOND_HAS_SPACE),
    (&["--owner-roles=*"], NO_PATTERN),
    (&["--owner-roles=owner,*"], NO_PATTERN),
    (&["--owner-roles=owner,owner"], "must not contain the same value twice"),
    (&["--principal-other-audiences="], "must not be empty"),
    (&["--principal-other-audiences=a,billing-portal"], "must not contain the value of --principal-audience"),
    (&["--principal-max-lifetime=24h1s"], "expected a duration from 1s to 1day; see --help"),
    (&["--principal-max-lifetime=0s"], "expected a duration from 1s to 1day; see --help"),
    (&["--principal-max-lifetime=61m", "--ownership=token"], NO_DIRECTORY),
];

const SECOND_IS_EMPTY: &str = "value 2 is empty; remove the comma beside it, or write the value";
const SECOND_HAS_SPACE: &str = "value 2 has a space before or after it; remove the space";
const NO_FRAGMENT: &str = "a JSON Pointer is written without #, for example /o/id instead of #/o/id";
const NOT_A_TYPE: &str = "expected media types such as at+jwt, or none for a token without typ";
const SAME_TYPE: &str = "must not contain the same type twice; case and the prefix application/ are ignored";
const NOT_A_POINTER: &str = "not a valid JSON Pointer (RFC 6901): write ~0 for ~ and ~1 for /";
const ABOUT_TOKEN: &str = "expected a claim about the person; iss, aud, exp, nbf, iat and jti are about the token";
const NO_PATTERN: &str = "expected at least one exact role (example: owner,org:admin); * is not a pattern";
const NO_DIRECTORY: &str = "above 1h it requires --ownership token-and-directory, because only the directory notices a \
                            removed owner before the token expires";

#[test]
fn wrong_value_stops_the_start_with_a_message_that_names_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    for (changes, message) in WRONG {
        let mut arguments = arguments(&folder, "http://127.0.0.1:1");
        override_settings(&mut arguments, changes);
        let EarlyExit::Setting(error) = commands::parse(arguments).unwrap_err() else { panic!("{changes:?}") };
        assert_eq!(error.to_string(), format!("{}: {message}", changes[0].split('=').next().unwrap()));
    }
    for changes in [
        &["--principal-max-lifetime=1h", "--ownership=token"][..],
        &["--principal-max-lifetime=24h"],
        // One claim may serve two purposes.
        &["--principal-subject-claim=org", "--principal-tenant-claim=org", "--principal-role-claim=/org"],
        // A role is not a pattern, so this is the name of a role.
        &["--owner-roles=org:*"],
    ] {
        let mut arguments = arguments(&folder, "http://127.0.0.1:1");
        override_settings(&mut arguments, changes);
        assert!(commands::parse(arguments).is_ok(), "{changes:?}");
    }
}

#[tokio::test]
async fn default_settings_refuse_every_token_that_was_always_refused() {
    assert!(check("default", &[]).await > 100);
}

#[tokio::test]
async fn each_setting_accepts_exactly_the_intended_tokens() {
    let mut checks = JoinSet::new();
    for (settings, values) in SETTINGS {
        checks.spawn(check(settings, values));
    }
    checks.join_all().await;
}
