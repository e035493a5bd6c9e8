//! Integration: SQLite collations, and values that are not text in a text column.

use super::{is_expected, lookup_outcome};
use crate::support::World;

async fn world_with(schema: &str) -> World {
    let world = World::start().await;
    world.sql("DROP TABLE billing_portal_tenants; DROP TABLE billing_portal_owners");
    world.sql(schema);
    world
}

#[tokio::test]
async fn collations_do_not_make_different_ids_equal() {
    let world = world_with(
        "CREATE TABLE billing_portal_tenants (tenant_id text COLLATE NOCASE, stripe_customer_id text COLLATE NOCASE);
         CREATE TABLE billing_portal_owners (tenant_id text COLLATE RTRIM, user_id text COLLATE NOCASE);
         INSERT INTO billing_portal_owners VALUES ('ACME', 'olivia'), ('acme', 'OLIVIA'), ('acme ', 'olivia'), ('acme', 'oscar');
         INSERT INTO billing_portal_tenants VALUES ('ACME', 'cus_a'), ('Acme', 'CUS_A'), ('acMe', 'cus_a'), ('acme', 'cus_A')",
    )
    .await;
    assert_eq!(lookup_outcome(&world, "olivia").await.0, "NOT_OWNER");
    assert_eq!(lookup_outcome(&world, "oscar").await, ("OK".to_owned(), None));
    // The shared customer must be found although other rows are equal under the collation.
    world.sql("INSERT INTO billing_portal_tenants VALUES ('zulu', 'cus_A')");
    assert!(is_expected("shared_customer", &lookup_outcome(&world, "oscar").await));
}

#[tokio::test]
async fn non_text_customer_is_malformed() {
    for value in ["x'6375735F41'", "7", "7.5", "CAST(x'6375735FFF' AS text)"] {
        let world = world_with(&format!(
            "CREATE TABLE billing_portal_tenants (tenant_id text, stripe_customer_id);
             CREATE TABLE billing_portal_owners (tenant_id text, user_id text);
             INSERT INTO billing_portal_owners VALUES ('acme', 'olivia');
             INSERT INTO billing_portal_tenants VALUES ('acme', {value})"
        ))
        .await;
        assert!(is_expected("malformed_customer", &lookup_outcome(&world, "olivia").await), "{value}");
    }
}

#[tokio::test]
async fn numeric_ids_get_database_unavailable() {
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
