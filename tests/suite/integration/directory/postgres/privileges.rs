//! PostgreSQL: rows that policies hide, and privileges that are too small.

use super::{ACME, start, world_with};
use crate::{
    integration::directory::{TABLES, lookup_outcome},
    support::{
        Postgres, World,
        postgres::TestDatabase,
        process::{run, text},
    },
};

/// Tables behind views of the given kind, with a policy that shows only rows of `acme`, although another tenant shares its
/// customer.
fn behind_policies(view_options: &str, force: &str) -> String {
    format!(
        "CREATE TABLE accounts (id text, customer text); CREATE TABLE owners (account text, person text);
         CREATE VIEW billing_portal_tenants {view_options} AS
            SELECT id AS tenant_id, customer AS stripe_customer_id FROM accounts;
         CREATE VIEW billing_portal_owners {view_options} AS SELECT account AS tenant_id, person AS user_id FROM owners;
         INSERT INTO accounts VALUES ('acme', 'cus_A'), ('globex', 'cus_A'); INSERT INTO owners VALUES ('acme', 'olivia');
         ALTER TABLE accounts ENABLE ROW LEVEL SECURITY; ALTER TABLE owners ENABLE ROW LEVEL SECURITY; {force}
         CREATE POLICY acme_only ON accounts USING (id = 'acme'); CREATE POLICY everyone ON owners USING (true);"
    )
}

/// Asserts that calls and `check` fail with this cause.
async fn assert_cause(world: &World, database: &TestDatabase, cause: &str) {
    assert_eq!(lookup_outcome(world, "olivia").await, ("DATABASE_UNAVAILABLE".to_owned(), None));
    let check = run(world, &["check"], &[&database.setting()]).await;
    assert_eq!(check.status.code(), Some(1));
    assert!(text(&check.stdout).contains(cause), "{}", text(&check.stdout));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn policy_that_may_hide_rows_is_refused_with_its_cause() {
    const FORCE: &str = "ALTER TABLE accounts FORCE ROW LEVEL SECURITY; ALTER TABLE owners FORCE ROW LEVEL SECURITY;";
    for (view_options, force, views_owner) in [
        // The views' owner is neither a superuser nor the tables' owner.
        ("", "", "CREATE ROLE {role}_views; GRANT SELECT ON accounts, owners TO {role}_views;
            ALTER VIEW billing_portal_tenants OWNER TO {role}_views; ALTER VIEW billing_portal_owners OWNER TO {role}_views;"),
        // Not even the tables' owner sees all rows.
        ("", FORCE, "CREATE ROLE {role}_views; ALTER TABLE accounts OWNER TO {role}_views; ALTER TABLE owners OWNER TO {role}_views;
            ALTER VIEW billing_portal_tenants OWNER TO {role}_views; ALTER VIEW billing_portal_owners OWNER TO {role}_views;"),
        ("WITH (security_invoker)", "", ""),
    ] {
        let database = Postgres::shared().database().await;
        database.run(&behind_policies(view_options, force)).await;
        database.run(&views_owner.replace("{role}", &database.name)).await;
        let world = World::unready(&[&database.setting()]).await;
        const CAUSE: &str = "row-level security hides rows from the role";
        assert_cause(&world, &database, CAUSE).await;
        let audit = run(&world, &["audit-mapping"], &[&database.setting()]).await;
        assert!(!audit.status.success() && text(&audit.stderr).contains(CAUSE), "{}", text(&audit.stderr));
        // With BYPASSRLS for the role that reads the tables, every row is seen: also the one that shares the customer.
        let reader = if views_owner.is_empty() { database.name.clone() } else { format!("{}_views", database.name) };
        database.run(&format!("ALTER ROLE {reader} BYPASSRLS")).await;
        let outcome = lookup_outcome(&world, "olivia").await;
        assert_eq!(outcome.1.as_deref(), Some("shared_customer"), "{view_options} {force}: {outcome:?}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn grant_of_too_few_columns_has_its_own_cause() {
    let (world, database) = world_with(&format!("{TABLES} {ACME}"), &[]).await;
    let role = &database.name;
    database.run(&format!("CREATE TABLE other (a text, b text); GRANT SELECT (a) ON other TO {role}")).await;
    database
        .run(&format!("REVOKE ALL ON other, billing_portal_owners FROM {role}; GRANT SELECT (a) ON other TO {role}"))
        .await;
    assert_cause(&world, &database, "privilege is missing").await;
    database.run(&format!("GRANT SELECT (tenant_id) ON billing_portal_owners TO {role}")).await;
    assert_cause(&world, &database, "role may read single columns only of public.billing_portal_owners").await;
    database.run(&format!("GRANT SELECT (user_id) ON billing_portal_owners TO {role}")).await;
    assert_eq!(lookup_outcome(&world, "olivia").await.0, "OK");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn directory_that_fails_for_another_reason_is_logged_again() {
    let database = Postgres::shared().database().await;
    let (_folder, mut service) = start(&[&database.setting()], &[]);
    let fields = service.wait_for_log("directory is not available").await;
    assert_eq!(fields["kind"], "schema", "{fields}");
    let role = &database.name;
    database.run(&format!("{TABLES} REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")).await;
    let fields = service.wait_for_log("directory is not available").await;
    assert_eq!(fields["kind"], "privilege", "{fields}");
    database.run(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")).await;
    service.wait_for_log("directory is available again").await;
}
