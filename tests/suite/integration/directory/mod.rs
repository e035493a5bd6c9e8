//! Integration: what the directory's rows are told as, by the real server, over SQLite and over PostgreSQL.
//!
//! One table of rows drives both. Over SQLite it runs here; over PostgreSQL in [`crate::integration::directory::postgres`], which needs a server.

pub(crate) use relations::{check_broken_relations, check_files};

mod cases;
mod ids;
mod postgres;
mod relations;
mod settings;

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};

pub(crate) use cases::{MAPPINGS, OWNERS};

use crate::support::World;

/// The relations as the contract has them, with a column more.
pub(crate) const TABLES: &str = "
    CREATE TABLE billing_portal_tenants (tenant_id text, stripe_customer_id text, plan text);
    CREATE TABLE billing_portal_owners (tenant_id text, user_id text, since text);";

/// A directory that a test writes to, behind the service's back.
pub(crate) enum Writer {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Writer {
    pub(crate) async fn run(&self, statements: &str) {
        let statements = AssertSqlSafe(statements.to_owned());
        match self {
            Self::Sqlite(pool) => sqlx::raw_sql(statements).execute(pool).await.map(drop).unwrap(),
            Self::Postgres(pool) => sqlx::raw_sql(statements).execute(pool).await.map(drop).unwrap(),
        }
    }

    /// The two relations with these rows only; no rows = an empty text.
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

/// The reason and the detail of the last outcome in the audit log, once both RPCs have said the same of `user` in acme.
pub(crate) async fn told(world: &World, user: &str) -> (String, Option<String>) {
    let token = world.issuer.token(user, "acme", "owner");
    world.stripe.forget_requests();
    let opened = world.open(&token).await;
    let line = world.audit().pop().unwrap();
    let reason = line["reason"].as_str().unwrap().to_owned();
    if let Err(refused) = &opened {
        assert_eq!(refused.reason, reason);
        assert!(world.stripe.requests().is_empty(), "Stripe was asked");
    }
    let shown = match world.access(&token, "acme").await {
        Ok(answer) if answer.visible => "OK".to_owned(),
        Ok(answer) => answer.reason().as_str_name().trim_start_matches("REASON_").to_owned(),
        Err(refused) => refused.reason,
    };
    assert_eq!(shown, reason, "the page is told something else");
    assert_eq!(opened.is_ok(), reason == "OK");
    (reason, line.get("detail").and_then(Value::as_str).map(str::to_owned))
}

/// Whether the word of a table is what was told: `OK`, a reason, or the detail of MAPPING_INTEGRITY.
pub(crate) fn agrees(expected: &str, told: &(String, Option<String>)) -> bool {
    match told {
        (reason, Some(detail)) if reason == "MAPPING_INTEGRITY" => detail == expected,
        (reason, None) => reason == expected,
        (_, Some(_)) => false,
    }
}

/// Goes through both tables. Each row has a person of its own, so that no limit a person is counted.
pub(crate) async fn check_tables(world: &World, writer: &Writer) {
    for (number, (tenants, expected)) in MAPPINGS.iter().enumerate() {
        let user = format!("olivia{number}");
        writer.fill(tenants, &format!("('acme', '{user}')")).await;
        let told = told(world, &user).await;
        assert!(agrees(expected, &told), "{tenants}: expected {expected}, was told {told:?}");
    }
    for (number, (owners, tenants, expected)) in OWNERS.iter().enumerate() {
        let user = format!("oscar{number}");
        writer.fill(tenants, &owners.replace("oscar", &user).replace("OSCAR", &user.to_uppercase())).await;
        let told = told(world, &user).await;
        assert!(agrees(expected, &told), "{owners}, {tenants}: expected {expected}, was told {told:?}");
    }
}

#[tokio::test]
async fn every_row_is_told_as_the_contract_says_over_sqlite() {
    let world = World::start().await;
    check_tables(&world, &Writer::Sqlite(world.database.clone())).await;
}

#[tokio::test]
async fn with_ownership_by_token_the_owners_are_not_touched_over_sqlite() {
    let world = World::with(&["--ownership=token"]).await;
    world.sql("DROP TABLE billing_portal_owners").await;
    assert_eq!(told(&world, "anyone").await, ("OK".to_owned(), None));
}
