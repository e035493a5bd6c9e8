//! Integration: the outcome of the directory's rows at the real server, over SQLite and over PostgreSQL.
//!
//! The same rows are used for both databases: over SQLite in this module, over PostgreSQL in [`postgres`], which needs a
//! server.

pub(crate) use relations::{check_broken_relations, check_files};

mod cases;
mod ids;
mod postgres;
mod providers;
mod relations;
mod settings;
mod sqlite;

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};

pub(crate) use cases::{MAPPINGS, OWNERS};

use crate::support::World;

/// The relations of the contract, with one additional column.
pub(crate) const TABLES: &str = "
    CREATE TABLE billing_portal_tenants (tenant_id text, stripe_customer_id text, plan text);
    CREATE TABLE billing_portal_owners (tenant_id text, user_id text, since text);";

/// A direct connection to the directory's database, with which a test changes it.
pub(crate) enum Writer {
    Sqlite(rusqlite::Connection),
    Postgres(PgPool),
}

impl Writer {
    pub(crate) async fn run(&self, statements: &str) {
        match self {
            Self::Sqlite(connection) => connection.execute_batch(statements).unwrap(),
            Self::Postgres(pool) => {
                sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(pool).await.map(drop).unwrap();
            }
        }
    }

    /// Replaces the rows of both relations. An empty string means no rows.
    pub(crate) async fn fill(&self, tenants: &str, owners: &str) {
        let insert = |columns: &str, rows: &str| {
            if rows.is_empty() { String::new() } else { format!("INSERT INTO {columns} VALUES {rows};") }
        };
        let tenants = insert("billing_portal_tenants (tenant_id, stripe_customer_id)", tenants);
        let owners = insert("billing_portal_owners (tenant_id, user_id)", owners);
        self.run(&format!("DELETE FROM billing_portal_tenants; DELETE FROM billing_portal_owners; {tenants} {owners}"))
            .await;
    }
}

/// Calls both RPCs as `user` of acme, asserts that they agree, and returns the reason and the detail from the audit.
pub(crate) async fn lookup_outcome(world: &World, user: &str) -> (String, Option<String>) {
    let token = world.issuer.token(user, "acme", "owner");
    world.stripe.forget_requests();
    let opened = world.open(&token).await;
    let record = world.audit().pop().unwrap();
    let reason = record["reason"].as_str().unwrap().to_owned();
    if let Err(refusal) = &opened {
        assert_eq!(refusal.reason, reason);
        assert!(world.stripe.requests().is_empty(), "Stripe was called");
    }
    let shown = match world.access(&token, "acme").await {
        Ok(response) if response.visible => "OK".to_owned(),
        Ok(response) => response.reason().as_str_name().trim_start_matches("REASON_").to_owned(),
        Err(refusal) => refusal.reason,
    };
    assert_eq!(shown, reason, "GetPortalAccess and CreatePortalSession differ");
    assert_eq!(opened.is_ok(), reason == "OK");
    (reason, record.get("detail").and_then(Value::as_str).map(str::to_owned))
}

/// Compares an outcome with its expected value in a table: `OK`, a reason, or the detail of MAPPING_INTEGRITY.
pub(crate) fn is_expected(expected: &str, outcome: &(String, Option<String>)) -> bool {
    match outcome {
        (reason, Some(detail)) if reason == "MAPPING_INTEGRITY" => detail == expected,
        (reason, None) => reason == expected,
        (_, Some(_)) => false,
    }
}

/// Checks every row of both tables. Each row has a different user, so that the rate limit per user is not reached.
pub(crate) async fn check_tables(world: &World, writer: &Writer) {
    for (number, (tenants, expected)) in MAPPINGS.iter().enumerate() {
        let user = format!("olivia{number}");
        writer.fill(tenants, &format!("('acme', '{user}')")).await;
        let outcome = lookup_outcome(world, &user).await;
        assert!(is_expected(expected, &outcome), "{tenants}: expected {expected}, got {outcome:?}");
    }
    for (number, (owners, tenants, expected)) in OWNERS.iter().enumerate() {
        let user = format!("oscar{number}");
        writer.fill(tenants, &owners.replace("oscar", &user).replace("OSCAR", &user.to_uppercase())).await;
        let outcome = lookup_outcome(world, &user).await;
        assert!(is_expected(expected, &outcome), "{owners}, {tenants}: expected {expected}, got {outcome:?}");
    }
}

#[tokio::test]
async fn sqlite_rows_have_expected_outcomes() {
    let world = World::start().await;
    check_tables(&world, &Writer::Sqlite(world.database())).await;
}

#[tokio::test]
async fn sqlite_ownership_token_does_not_query_owners() {
    let world = World::with(&["--ownership=token"]).await;
    world.sql("DROP TABLE billing_portal_owners");
    assert_eq!(lookup_outcome(&world, "anyone").await, ("OK".to_owned(), None));
}
