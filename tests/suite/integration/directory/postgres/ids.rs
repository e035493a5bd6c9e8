//! The types and the collations that a company's columns may have.

use super::world_with;
use crate::integration::directory::{agrees, told};

const INSENSITIVE: &str = "
    CREATE COLLATION insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE EXTENSION citext;
    CREATE DOMAIN customer AS varchar(80);";

/// Relations with columns of these types: acme's only row and owner.
fn relations(tenant: &str, customer: &str, user: &str) -> String {
    format!(
        "{INSENSITIVE}
         CREATE TABLE billing_portal_tenants (tenant_id {tenant}, stripe_customer_id {customer});
         CREATE TABLE billing_portal_owners (tenant_id {tenant}, user_id {user});"
    )
}

const ACME: &str = "INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_A');
    INSERT INTO billing_portal_owners VALUES ('acme', 'olivia');";

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn every_type_of_text_is_text() {
    let text = ["text", "varchar", "varchar(80)", "char(80)", "citext", "name", "text COLLATE insensitive", "customer"];
    for kind in text {
        let (world, database) = world_with(&(relations(kind, kind, kind) + ACME), &[]).await;
        assert_eq!(told(&world, "olivia").await, ("OK".to_owned(), None), "{kind}");
        database.run("INSERT INTO billing_portal_tenants VALUES ('globex', 'cus_A')").await;
        assert!(agrees("shared_customer", &told(&world, "olivia").await), "{kind}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn what_a_collation_calls_equal_and_differs_is_another_id() {
    for kind in ["text COLLATE insensitive", "citext", "text COLLATE \"en-x-icu\"", "text COLLATE \"C\""] {
        let (world, database) = world_with(&relations(kind, kind, kind), &[]).await;
        let rows = "INSERT INTO billing_portal_tenants VALUES ('ACME', 'cus_a'), ('Acme', 'cus_A0'), ('acme', 'cus_A');
            INSERT INTO billing_portal_tenants SELECT 'other' || i, 'CUS_A' FROM generate_series(1, 1000) AS i;
            INSERT INTO billing_portal_owners VALUES ('ACME', 'olivia'), ('acme', 'OLIVIA'), ('acme', 'oscar');";
        database.run(rows).await;
        assert_eq!(told(&world, "olivia").await.0, "NOT_OWNER", "{kind}");
        assert_eq!(told(&world, "oscar").await, ("OK".to_owned(), None), "{kind}");
        // The rows that count are behind all the rows that only look like them.
        database.run("INSERT INTO billing_portal_tenants VALUES ('zulu', 'cus_A')").await;
        assert!(agrees("shared_customer", &told(&world, "oscar").await), "{kind}");
        database.run("INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_Z')").await;
        assert!(agrees("two_rows", &told(&world, "oscar").await), "{kind}");
        database.run("DELETE FROM billing_portal_tenants WHERE tenant_id::text = 'acme'").await;
        assert_eq!(told(&world, "oscar").await.0, "NO_BILLING_ACCOUNT", "{kind}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn a_customer_of_a_type_that_is_no_text_is_malformed() {
    for (kind, value) in [
        ("bytea", "'cus_A'"),
        ("bigint", "7"),
        ("uuid", "'7e57ab1e-0000-4000-8000-000000000000'"),
        ("jsonb", "'\"cus_A\"'"),
        ("text[]", "'{cus_A}'"),
        ("boolean", "true"),
    ] {
        let (world, database) = world_with(&relations("text", kind, "text"), &[]).await;
        database.run("INSERT INTO billing_portal_owners VALUES ('acme', 'olivia')").await;
        assert_eq!(told(&world, "olivia").await.0, "NO_BILLING_ACCOUNT", "{kind}");
        database.run(&format!("INSERT INTO billing_portal_tenants VALUES ('acme', {value})")).await;
        assert!(agrees("malformed_customer", &told(&world, "olivia").await), "{kind}");
        database.run("UPDATE billing_portal_tenants SET stripe_customer_id = NULL").await;
        assert_eq!(told(&world, "olivia").await.0, "NO_BILLING_ACCOUNT", "{kind}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn ids_of_a_type_that_is_no_text_are_no_answer_until_a_view_casts_them() {
    const UUID: &str = "7e57ab1e-0000-4000-8000-000000000000";
    for (tenant, user, id, person) in [
        ("uuid", "text", UUID, "olivia"),
        ("bigint", "bigint", "42", "7"),
        ("text", "uuid", "acme", UUID),
        ("bytea", "text", "acme", "olivia"),
    ] {
        let tables = format!(
            "CREATE TABLE accounts (id {tenant}, customer text); INSERT INTO accounts VALUES ('{id}', 'cus_X');
             CREATE TABLE owners (account {tenant}, person {user}); INSERT INTO owners VALUES ('{id}', '{person}');
             CREATE VIEW billing_portal_tenants AS SELECT ''::text AS tenant_id, ''::text AS stripe_customer_id;
             CREATE VIEW billing_portal_owners AS SELECT ''::text AS tenant_id, ''::text AS user_id"
        );
        let (world, database) = world_with(&tables, &[]).await;
        world.stripe.add_customer(stripe_simulator::Customer::new("cus_X").metadata("tenant_id", id));
        let drop = "DROP VIEW billing_portal_tenants; DROP VIEW billing_portal_owners;";
        let as_they_are = "CREATE VIEW billing_portal_tenants AS SELECT id AS tenant_id, customer AS stripe_customer_id FROM accounts;
            CREATE VIEW billing_portal_owners AS SELECT account AS tenant_id, person AS user_id FROM owners";
        database.run(&format!("{drop} {as_they_are}")).await;
        let token = world.issuer.token(person, id, "owner");
        assert_eq!(world.open(&token).await.unwrap_err().reason, "DATABASE_UNAVAILABLE", "{tenant}, {user}");
        let cast = as_they_are.replace("id AS t", "id::text AS t").replace("person AS", "person::text AS");
        database.run(&format!("{drop} {}", cast.replace("account AS", "account::text AS"))).await;
        if tenant != "bytea" {
            world.open(&token).await.unwrap();
        }
    }
}
