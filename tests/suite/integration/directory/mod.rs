//! Integration: the directory at the real server. The outcome of its rows is in the corpus for SQLite, and in [`postgres`] for
//! PostgreSQL, which needs a server.

pub(crate) use relations::{check_broken_relations, check_files};

mod postgres;
mod providers;
mod relations;
mod sqlite;

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};

use crate::{corpus, support::World};

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

/// Checks every case of the corpus in which only the rows of the directory differ. Returns their number.
pub(crate) async fn check_rows(world: &World, writer: &Writer) -> usize {
    let cases = corpus::other_rows();
    for case in &cases {
        writer.fill("('acme', 'cus_A')", "('acme', 'olivia')").await;
        writer.run(&case.statements).await;
        let outcome = lookup_outcome(world, "olivia").await;
        assert_eq!((&outcome.0, &outcome.1), (&case.reason, &case.detail), "{}", case.name);
    }
    cases.len()
}
