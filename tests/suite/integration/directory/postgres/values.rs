//! PostgreSQL: values that are too long, and values that are not valid UTF-8.

use sqlx::{AssertSqlSafe, Row as _};

use super::world_with;
use crate::{
    integration::directory::{TABLES, is_expected, lookup_outcome},
    support::{
        Postgres, World,
        process::{run, text},
    },
};

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn values_are_cut_off_in_the_query() {
    let (world, database) = world_with(TABLES, &[]).await;
    let relations = billing_portal::adapters::directory::Relations {
        schema: "public".to_owned(),
        ownership: billing_portal::adapters::directory::Ownership::TokenAndDirectory,
        tenants: None,
        owners: None,
    };
    let query = relations.query(billing_portal::adapters::directory::Dialect::Postgres, "acme", "olivia").text();
    database.run("INSERT INTO billing_portal_owners VALUES ('acme', 'olivia')").await;
    for (length, expected) in [(255, "OK"), (256, "malformed_customer"), (10_000_000, "malformed_customer")] {
        let customer = format!("'cus_' || repeat('A', {length} - 4)");
        database
            .run(&format!(
                "DELETE FROM billing_portal_tenants; INSERT INTO billing_portal_tenants VALUES ('acme', {customer})"
            ))
            .await;
        let rows = sqlx::query(AssertSqlSafe(query.clone())).fetch_all(&database.admin).await.unwrap();
        let longest = rows
            .iter()
            .filter_map(|row| row.get::<Option<Vec<u8>>, _>("stripe_customer_id"))
            .map(|value| value.len())
            .max();
        assert_eq!(longest, Some(length.min(256)));
        if expected != "OK" {
            assert!(is_expected(expected, &lookup_outcome(&world, "olivia").await), "{length}");
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn value_that_is_not_utf8_affects_only_its_tenant() {
    // The byte 81 is not assigned in WIN1252, and PostgreSQL stores it nevertheless.
    for encoding in ["SQL_ASCII", "WIN1252", "LATIN1"] {
        check_value_that_is_not_utf8(encoding).await;
    }
}

async fn check_value_that_is_not_utf8(encoding: &str) {
    let database = Postgres::shared().database_with(&format!("ENCODING '{encoding}' TEMPLATE template0")).await;
    let rows = format!(
        "INSERT INTO billing_portal_tenants VALUES
            ('acme', 'cus_A'), ('globex', convert_from('cus_\\201', '{encoding}')), (convert_from('\\201', '{encoding}'), 'cus_B');
        INSERT INTO billing_portal_owners VALUES ('acme', 'olivia'), ('globex', 'gina');"
    );
    database.run(&format!("{TABLES} {rows}")).await;
    let world = World::with(&[&database.setting()]).await;
    assert_eq!(lookup_outcome(&world, "olivia").await, ("OK".to_owned(), None));
    let refusal = world.open(&world.issuer.token("gina", "globex", "owner")).await.unwrap_err();
    assert_eq!(
        (refusal.reason.as_str(), &world.audit().pop().unwrap()["detail"]),
        ("MAPPING_INTEGRITY", &"malformed_customer".into())
    );
    let output = run(&world, &["audit-mapping"], &[&database.setting()]).await;
    let summary = "3 tenants: 1 verified, 0 without a billing account, 2 with problems";
    assert_eq!(text(&output.stderr).trim(), summary);
}
