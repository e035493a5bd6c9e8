//! What SQLite holds in a column that claims to be text, and what its collations call equal.

use super::{Writer, agrees, told};
use crate::support::World;

async fn world_with(schema: &str) -> World {
    let world = World::start().await;
    let writer = Writer::Sqlite(world.database.clone());
    writer.run("DROP TABLE billing_portal_tenants; DROP TABLE billing_portal_owners").await;
    writer.run(schema).await;
    world
}

#[tokio::test]
async fn a_collation_that_ignores_case_or_blanks_makes_no_two_ids_one() {
    let world = world_with(
        "CREATE TABLE billing_portal_tenants (tenant_id text COLLATE NOCASE, stripe_customer_id text COLLATE NOCASE);
         CREATE TABLE billing_portal_owners (tenant_id text COLLATE RTRIM, user_id text COLLATE NOCASE);
         INSERT INTO billing_portal_owners VALUES ('ACME', 'olivia'), ('acme', 'OLIVIA'), ('acme ', 'olivia'), ('acme', 'oscar');
         INSERT INTO billing_portal_tenants VALUES ('ACME', 'cus_a'), ('Acme', 'CUS_A'), ('acMe', 'cus_a'), ('acme', 'cus_A')",
    )
    .await;
    assert_eq!(told(&world, "olivia").await.0, "NOT_OWNER");
    assert_eq!(told(&world, "oscar").await, ("OK".to_owned(), None));
    // The row that counts is behind all the rows that only look like it.
    world.sql("INSERT INTO billing_portal_tenants VALUES ('zulu', 'cus_A')").await;
    assert!(agrees("shared_customer", &told(&world, "oscar").await));
}

#[tokio::test]
async fn a_customer_that_is_no_text_is_malformed() {
    for value in ["x'6375735F41'", "7", "7.5", "CAST(x'6375735FFF' AS text)"] {
        let world = world_with(&format!(
            "CREATE TABLE billing_portal_tenants (tenant_id text, stripe_customer_id);
             CREATE TABLE billing_portal_owners (tenant_id text, user_id text);
             INSERT INTO billing_portal_owners VALUES ('acme', 'olivia');
             INSERT INTO billing_portal_tenants VALUES ('acme', {value})"
        ))
        .await;
        assert!(agrees("malformed_customer", &told(&world, "olivia").await), "{value}");
    }
}

#[tokio::test]
async fn ids_that_are_numbers_are_no_answer() {
    for (tenant, user) in [("integer", "text"), ("text", "integer"), ("real", "text")] {
        let world = world_with(&format!(
            "CREATE TABLE billing_portal_tenants (tenant_id {tenant}, stripe_customer_id text);
             CREATE TABLE billing_portal_owners (tenant_id text, user_id {user});
             INSERT INTO billing_portal_owners VALUES ('7', '9');
             INSERT INTO billing_portal_tenants VALUES ('7', 'cus_A')"
        ))
        .await;
        let token = world.issuer.token("9", "7", "owner");
        assert_eq!(world.open(&token).await.unwrap_err().reason, "DATABASE_UNAVAILABLE", "{tenant}, {user}");
    }
}
