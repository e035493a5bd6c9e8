//! PostgreSQL: a server that becomes a standby, and connections that fail until the schema is right again.

use std::sync::atomic::{AtomicU32, Ordering};

use super::world_with;
use crate::{
    integration::directory::{TABLES, lookup_outcome},
    support::{
        Postgres, World,
        process::{run, text},
    },
};

/// Enough owners that no test reaches the rate limit per user.
const ACME: &str = "INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_A');
    INSERT INTO billing_portal_owners SELECT 'acme', 'olivia' || i FROM generate_series(0, 99) AS i;";

/// Calls as the next owner, and returns the reason.
async fn reason(world: &World) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    lookup_outcome(world, &format!("olivia{}", NEXT.fetch_add(1, Ordering::Relaxed) % 100)).await.0
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn standby_is_refused_and_its_promotion_is_noticed() {
    let server = Postgres::start();
    let database = server.database().await;
    database.run(&format!("{TABLES} {ACME}")).await;
    let world = World::with(&[&database.setting()]).await;
    assert_eq!(reason(&world).await, "OK");
    server.restart_as_standby();
    assert_eq!(reason(&world).await, "DATABASE_UNAVAILABLE");
    let check = run(&world, &["check"], &[&database.setting()]).await;
    assert!(text(&check.stdout).contains("directory is a standby"), "{}", text(&check.stdout));
    server.promote();
    assert_eq!(reason(&world).await, "OK");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn next_call_succeeds_once_the_schema_is_right_again() {
    let (world, database) = world_with(&format!("{TABLES} {ACME}"), &[]).await;
    let role = &database.name;
    for (damage, repair) in [
        ("ALTER TABLE billing_portal_owners RENAME TO moved", "ALTER TABLE moved RENAME TO billing_portal_owners"),
        (
            "CREATE SCHEMA other; ALTER TABLE billing_portal_owners SET SCHEMA other",
            "ALTER TABLE other.billing_portal_owners SET SCHEMA public",
        ),
        (
            "ALTER TABLE billing_portal_tenants RENAME COLUMN stripe_customer_id TO customer",
            "ALTER TABLE billing_portal_tenants RENAME COLUMN customer TO stripe_customer_id",
        ),
        ("ALTER SCHEMA public RENAME TO elsewhere", "ALTER SCHEMA elsewhere RENAME TO public"),
        (
            &format!("REVOKE USAGE ON SCHEMA public FROM PUBLIC; REVOKE ALL ON billing_portal_tenants FROM {role}"),
            &format!("GRANT USAGE ON SCHEMA public TO PUBLIC; GRANT SELECT ON billing_portal_tenants TO {role}"),
        ),
        (
            "ALTER TABLE billing_portal_owners ALTER COLUMN user_id TYPE bytea USING user_id::bytea",
            "ALTER TABLE billing_portal_owners ALTER COLUMN user_id TYPE varchar USING convert_from(user_id, 'UTF8')",
        ),
    ] {
        assert_eq!(reason(&world).await, "OK", "before {damage}");
        database.run(damage).await;
        assert_eq!(reason(&world).await, "DATABASE_UNAVAILABLE", "{damage}");
        database.run(repair).await;
        assert_eq!(reason(&world).await, "OK", "{repair}");
    }
}
