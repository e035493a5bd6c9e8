//! Integration: views and SELECT files over a company's own tables, valid and broken.

use tonic_health::pb::health_check_response::ServingStatus;

use super::{TABLES, Writer, lookup_outcome};
use crate::support::World;

/// A company's tables, in SQL that both databases accept.
const COMPANY: &str = "
    CREATE TABLE accounts (slug text PRIMARY KEY, stripe_customer text);
    CREATE TABLE members (account text, person text, role text, removed text, PRIMARY KEY (account, person));
    CREATE INDEX customers ON accounts (stripe_customer);
    INSERT INTO accounts VALUES ('acme', 'cus_A'), ('globex', 'cus_B');
    INSERT INTO members VALUES ('acme', 'olivia', 'owner', NULL), ('acme', 'adam', 'admin', NULL), ('acme', 'rita', 'owner', 'yes');";

/// Views over these tables.
pub(crate) const VIEWS: &str = "
    CREATE VIEW billing_portal_tenants AS SELECT slug AS tenant_id, stripe_customer AS stripe_customer_id, 1 AS more FROM accounts;
    CREATE VIEW billing_portal_owners AS
        SELECT account AS tenant_id, person AS user_id FROM members WHERE role = 'owner' AND removed IS NULL;";

/// The same relations as SELECT statements, with the comments, CTEs and semicolons that a file may contain.
pub(crate) const FILES: [&str; 2] = [
    "-- Who pays for what;\nSELECT 'more;' AS more, slug AS tenant_id, stripe_customer AS stripe_customer_id FROM accounts ;\n-- the end",
    "WITH current_members AS (SELECT * FROM members WHERE removed IS NULL)\nSELECT account AS tenant_id, person AS user_id FROM current_members WHERE role = 'owner' -- only owners",
];

/// Checks the outcome of a current owner, an admin, a removed owner and an unknown user.
pub(crate) async fn check_company(world: &World) {
    for (user, expected) in [("olivia", "OK"), ("adam", "NOT_OWNER"), ("rita", "NOT_OWNER"), ("zoe", "NOT_OWNER")] {
        assert_eq!(lookup_outcome(world, user).await, (expected.to_owned(), None), "{user}");
    }
}

/// Changes that break the relations while the service runs. Each gets DATABASE_UNAVAILABLE, never NO_BILLING_ACCOUNT or
/// NOT_OWNER.
const BROKEN: &[&str] = &[
    "DROP VIEW billing_portal_tenants",
    "DROP VIEW billing_portal_owners",
    "DROP VIEW billing_portal_tenants; CREATE VIEW billing_portal_tenants AS SELECT slug AS tenant_id FROM accounts",
    "DROP VIEW billing_portal_tenants; CREATE VIEW billing_portal_tenants AS SELECT slug AS tenant, stripe_customer AS stripe_customer_id FROM accounts",
    "DROP VIEW billing_portal_owners; CREATE VIEW billing_portal_owners AS SELECT account AS tenant_id, person AS member FROM members",
];

/// Starts with an empty database. The service becomes ready when the relations are created, and recovers from each of the
/// broken states when the relations are restored.
pub(crate) async fn check_broken_relations(world: &World, writer: &Writer) {
    writer.run(COMPANY).await;
    assert_eq!(lookup_outcome(world, "olivia").await.0, "DATABASE_UNAVAILABLE");
    writer.run(VIEWS).await;
    world.wait_for_health("", ServingStatus::Serving).await;
    for (number, broken) in BROKEN.iter().enumerate() {
        check_company(world).await;
        writer.run(broken).await;
        for user in ["olivia", "adam"] {
            assert_eq!(lookup_outcome(world, &format!("{user}{number}")).await.0, "DATABASE_UNAVAILABLE", "{broken}");
        }
        writer.run("DROP VIEW IF EXISTS billing_portal_tenants; DROP VIEW IF EXISTS billing_portal_owners").await;
        writer.run(VIEWS).await;
    }
    check_company(world).await;
}

/// Writes two SQL files to a folder, and returns the settings that name them.
pub(crate) fn sql_files(folder: &std::path::Path, files: [&str; 2]) -> [String; 2] {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        format!("--{name}-sql-file={}", path.display())
    };
    [write("tenants", files[0]), write("owners", files[1])]
}

pub(crate) async fn check_files(settings: &[&str], writer: &Writer) {
    let folder = tempfile::tempdir().unwrap();
    writer.run(COMPANY).await;
    // Tables with the relations' names also exist and are empty: the files take precedence.
    writer.run(TABLES).await;
    let files = sql_files(folder.path(), FILES);
    let world = World::with(&[settings, &[&files[0], &files[1]]].concat()).await;
    check_company(&world).await;

    // A statement may read from the relation that it replaces.
    let files =
        sql_files(folder.path(), ["SELECT * FROM billing_portal_tenants", "SELECT * FROM billing_portal_owners"]);
    writer.fill("('acme', 'cus_A')", "('acme', 'otto')").await;
    let world = World::with(&[settings, &[&files[0], &files[1]]].concat()).await;
    assert_eq!(lookup_outcome(&world, "otto").await.0, "OK");

    // Only the database can validate a statement, so an invalid one does not prevent startup.
    for invalid in
        ["SELECT slug AS tenant_id FROM accounts", "SELECT * FROM nowhere", "SELECT 1 +", "SELECT 'a' AS tenant_id"]
    {
        let files = sql_files(folder.path(), [invalid, FILES[1]]);
        let world = World::unready(&[settings, &[&files[0], &files[1]]].concat()).await;
        assert_eq!(lookup_outcome(&world, "olivia").await.0, "DATABASE_UNAVAILABLE", "{invalid}");
        world.wait_for_health("", ServingStatus::NotServing).await;
    }
}

fn empty_sqlite() -> (tempfile::TempDir, String, Writer) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("company.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    (folder, format!("--database-url=sqlite:{}", path.display()), Writer::Sqlite(connection))
}

#[tokio::test]
async fn sqlite_broken_relations_get_database_unavailable_until_restored() {
    let (_folder, url, writer) = empty_sqlite();
    let world = World::unready(&[&url]).await;
    check_broken_relations(&world, &writer).await;
}

#[tokio::test]
async fn sqlite_select_files_replace_relations() {
    let (_folder, url, writer) = empty_sqlite();
    check_files(&[&url], &writer).await;
}
