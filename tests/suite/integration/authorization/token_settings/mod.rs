//! Integration: with each setting for tokens, exactly the intended tokens are accepted. With the default settings, no token is
//! accepted that was refused before these settings existed.

mod rows;

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{
    World,
    issuer::{claims, now},
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
