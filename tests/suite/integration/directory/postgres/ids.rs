//! PostgreSQL: the types and collations that a company's columns may have.

use super::world_with;
use crate::integration::directory::{is_expected, lookup_outcome};

const INSENSITIVE: &str = "
    CREATE COLLATION insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE EXTENSION citext;
    CREATE DOMAIN customer AS varchar(80);";

/// Creates empty relations with columns of these types.
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
async fn accepts_every_text_type() {
    let text = ["text", "varchar", "varchar(80)", "char(80)", "citext", "name", "text COLLATE insensitive", "customer"];
    for kind in text {
        let (world, database) = world_with(&(relations(kind, kind, kind) + ACME), &[]).await;
        assert_eq!(lookup_outcome(&world, "olivia").await, ("OK".to_owned(), None), "{kind}");
        database.run("INSERT INTO billing_portal_tenants VALUES ('globex', 'cus_A')").await;
        assert!(is_expected("shared_customer", &lookup_outcome(&world, "olivia").await), "{kind}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn collations_do_not_make_different_ids_equal() {
    for kind in ["text COLLATE insensitive", "citext", "text COLLATE \"en-x-icu\"", "text COLLATE \"C\""] {
        let (world, database) = world_with(&relations(kind, kind, kind), &[]).await;
        let rows = "INSERT INTO billing_portal_tenants VALUES ('ACME', 'cus_a'), ('Acme', 'cus_A0'), ('acme', 'cus_A');
            INSERT INTO billing_portal_tenants SELECT 'other' || i, 'CUS_A' FROM generate_series(1, 1000) AS i;
            INSERT INTO billing_portal_owners VALUES ('ACME', 'olivia'), ('acme', 'OLIVIA'), ('acme', 'oscar');";
        database.run(rows).await;
        assert_eq!(lookup_outcome(&world, "olivia").await.0, "NOT_OWNER", "{kind}");
        assert_eq!(lookup_outcome(&world, "oscar").await, ("OK".to_owned(), None), "{kind}");
        // The matching rows must be found although other rows are equal under the collation.
        database.run("INSERT INTO billing_portal_tenants VALUES ('zulu', 'cus_A')").await;
        assert!(is_expected("shared_customer", &lookup_outcome(&world, "oscar").await), "{kind}");
        database.run("INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_Z')").await;
        assert!(is_expected("two_rows", &lookup_outcome(&world, "oscar").await), "{kind}");
        database.run("DELETE FROM billing_portal_tenants WHERE tenant_id::text = 'acme'").await;
        assert_eq!(lookup_outcome(&world, "oscar").await.0, "NO_BILLING_ACCOUNT", "{kind}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn non_text_customer_is_malformed() {
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
        assert_eq!(lookup_outcome(&world, "olivia").await.0, "NO_BILLING_ACCOUNT", "{kind}");
        database.run(&format!("INSERT INTO billing_portal_tenants VALUES ('acme', {value})")).await;
        assert!(is_expected("malformed_customer", &lookup_outcome(&world, "olivia").await), "{kind}");
        database.run("UPDATE billing_portal_tenants SET stripe_customer_id = NULL").await;
        assert_eq!(lookup_outcome(&world, "olivia").await.0, "NO_BILLING_ACCOUNT", "{kind}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn non_text_ids_get_database_unavailable_until_view_casts_them() {
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
        let uncast = "CREATE VIEW billing_portal_tenants AS SELECT id AS tenant_id, customer AS stripe_customer_id FROM accounts;
            CREATE VIEW billing_portal_owners AS SELECT account AS tenant_id, person AS user_id FROM owners";
        database.run(&format!("{drop} {uncast}")).await;
        let token = world.issuer.token(person, id, "owner");
        assert_eq!(world.open(&token).await.unwrap_err().reason, "DATABASE_UNAVAILABLE", "{tenant}, {user}");
        let cast = uncast.replace("id AS t", "id::text AS t").replace("person AS", "person::text AS");
        database.run(&format!("{drop} {}", cast.replace("account AS", "account::text AS"))).await;
        if tenant != "bytea" {
            world.open(&token).await.unwrap();
        }
    }
}
