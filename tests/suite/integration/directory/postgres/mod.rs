//! Integration: the directory over a real PostgreSQL server, which `tests/run` installs.

mod connection;
mod failover;
mod fairness;
mod ids;
mod malformed;
mod outage;
mod pooler;
mod privileges;
mod recovery;
mod session;
mod values;

use billing_portal::adapters::directory::{Ownership, Relations};

use crate::{
    integration::directory::{TABLES, Writer, check_broken_relations, check_files, check_rows, lookup_outcome},
    support::{
        Postgres, World,
        postgres::TestDatabase,
        process::{run, text, valid_settings},
        service::Service,
        settings::override_settings,
        world::FLAG_ON,
    },
};

/// Rows for `lookup_outcome`.
const ACME: &str = "INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_A');
    INSERT INTO billing_portal_owners VALUES ('acme', 'olivia');";

/// The views that the directory reads by default.
fn views() -> Relations {
    Relations { schema: "public".to_owned(), ownership: Ownership::TokenAndDirectory, tenants: None, owners: None }
}

/// Starts the real binary on valid settings, with some changed.
fn start(changes: &[&str], variables: &[(&str, &str)]) -> (tempfile::TempDir, Service) {
    let (folder, mut arguments) = valid_settings();
    std::fs::write(folder.path().join("flags.json"), FLAG_ON).unwrap();
    override_settings(&mut arguments, changes);
    let service = Service::start(&arguments, variables);
    (folder, service)
}

/// Starts a world over a new database with these relations.
async fn world_with(schema: &str, settings: &[&str]) -> (World, TestDatabase) {
    let database = Postgres::shared().database().await;
    database.run(schema).await;
    let url = database.setting();
    let world = World::with(&[&[&*url], settings].concat()).await;
    (world, database)
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn rows_have_expected_outcomes() {
    let (world, database) = world_with(TABLES, &[]).await;
    assert!(check_rows(&world, &Writer::Postgres(database.admin)).await > 60);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn broken_relations_get_database_unavailable_until_restored() {
    let database = Postgres::shared().database().await;
    let world = World::unready(&[&database.setting()]).await;
    check_broken_relations(&world, &Writer::Postgres(database.admin)).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn select_files_replace_relations() {
    let database = Postgres::shared().database().await;
    let url = database.setting();
    check_files(&[&url], &Writer::Postgres(database.admin)).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn ownership_token_does_not_query_owners() {
    let (world, database) = world_with(TABLES, &["--ownership=token"]).await;
    database.run("DROP TABLE billing_portal_owners; INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_A')").await;
    assert_eq!(lookup_outcome(&world, "anyone").await, ("OK".to_owned(), None));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn audit_mapping_reads_every_tenant_from_tables_and_select_files() {
    let (world, database) = world_with(TABLES, &[]).await;
    database
        .run("INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_A'), ('globex', 'cus_A'), ('dark', NULL)")
        .await;
    std::fs::write(world.path("tenants.sql"), "SELECT * FROM billing_portal_tenants WHERE tenant_id <> 'globex'")
        .unwrap();
    let (url, file) = (database.setting(), format!("--tenants-sql-file={}", world.path("tenants.sql").display()));
    for (changes, counts) in [
        (vec![&*url], "3 tenants: 0 verified, 1 without a billing account, 2 with problems"),
        (vec![&*url, &file], "2 tenants: 1 verified, 1 without a billing account, 0 with problems"),
    ] {
        let output = run(&world, &["audit-mapping"], &changes).await;
        assert_eq!(text(&output.stderr).trim(), counts);
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn documented_schema_works_for_documented_role() {
    let database = Postgres::shared().database().await;
    let page = include_str!("../../../../../docs/directory.md");
    let mut blocks: Vec<_> = page.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let for_select_files = blocks.pop().unwrap();
    assert!(for_select_files.contains("ALTER ROLE billing_portal BYPASSRLS"), "{for_select_files}");
    for block in blocks {
        database.run(block).await;
    }
    let (tenant, user) = ("7e57ab1e-0000-4000-8000-000000000000", "7e57ab1e-0000-4000-8000-000000000001");
    let rows = format!(
        "INSERT INTO accounts VALUES ('{tenant}', 'Test'); INSERT INTO subscriptions VALUES ('{tenant}', 'cus_T');
         INSERT INTO members VALUES ('{tenant}', '{user}', 'owner');
         REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}",
        database.name
    );
    database.run(&rows).await;
    // Without a policy, only a role that bypasses the policies, such as the owner of the views, sees rows.
    database.run("ALTER TABLE subscriptions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY").await;
    // The role that the page creates has only the privileges that the page grants.
    let url = format!("--database-url={}", database.url.replace(&format!("//{}@", database.name), "//billing_portal@"));
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(files.path().join(name), text).unwrap();
        files.path().join(name).display().to_string()
    };
    let tenants = "SELECT a.id::text AS tenant_id, s.stripe_customer AS stripe_customer_id
        FROM accounts a LEFT JOIN subscriptions s ON s.account = a.id";
    let owners = "SELECT account::text AS tenant_id, person::text AS user_id FROM members WHERE removed_at IS NULL";
    let tenants = format!("--tenants-sql-file={}", file("tenants.sql", tenants));
    let owners = format!("--owners-sql-file={}", file("owners.sql", owners));
    let with_views = World::with(&[&url]).await;
    let with_files = World::unready(&[&url, &tenants, &owners]).await;
    let refusal = with_files.open(&with_files.issuer.token(user, tenant, "owner")).await.unwrap_err();
    assert_eq!(refusal.reason, "DATABASE_UNAVAILABLE");
    database.run(for_select_files.split_once(';').unwrap().0).await;
    let check = run(&with_files, &["check"], &[&url, &tenants, &owners]).await;
    assert!(text(&check.stdout).contains("row-level security hides rows"), "{}", text(&check.stdout));
    database.run(for_select_files).await;
    for world in [&with_views, &with_files] {
        world.stripe.add_customer(stripe_simulator::Customer::new("cus_T").metadata("tenant_id", tenant));
        world.open(&world.issuer.token(user, tenant, "owner")).await.unwrap();
    }
    database.run("UPDATE members SET removed_at = now()").await;
    for world in [&with_views, &with_files] {
        let refusal = world.open(&world.issuer.token(user, tenant, "owner")).await.unwrap_err();
        assert_eq!(refusal.reason, "NOT_OWNER");
    }
}
