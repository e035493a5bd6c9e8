//! Views and SELECT files over a company's own tables, and what happens when they are not what they should be.

use tonic_health::pb::health_check_response::ServingStatus;

use super::{TABLES, Writer, told};
use crate::support::World;

/// A company's tables, as both databases take them.
const COMPANY: &str = "
    CREATE TABLE accounts (slug text PRIMARY KEY, stripe_customer text);
    CREATE TABLE members (account text, person text, role text, removed text, PRIMARY KEY (account, person));
    CREATE INDEX customers ON accounts (stripe_customer);
    INSERT INTO accounts VALUES ('acme', 'cus_A'), ('globex', 'cus_B');
    INSERT INTO members VALUES ('acme', 'olivia', 'owner', NULL), ('acme', 'adam', 'admin', NULL), ('acme', 'rita', 'owner', 'yes');";

/// Views over them.
pub(crate) const VIEWS: &str = "
    CREATE VIEW billing_portal_tenants AS SELECT slug AS tenant_id, stripe_customer AS stripe_customer_id, 1 AS more FROM accounts;
    CREATE VIEW billing_portal_owners AS
        SELECT account AS tenant_id, person AS user_id FROM members WHERE role = 'owner' AND removed IS NULL;";

/// The same as SELECT statements, with all that may stand in a file around them.
pub(crate) const FILES: [&str; 2] = [
    "-- Who pays for what;\nSELECT 'more;' AS more, slug AS tenant_id, stripe_customer AS stripe_customer_id FROM accounts ;\n-- the end",
    "WITH present AS (SELECT * FROM members WHERE removed IS NULL)\nSELECT account AS tenant_id, person AS user_id FROM present WHERE role = 'owner' -- only they",
];

/// Asks for a present owner, an admin, a removed owner and a stranger.
pub(crate) async fn check_company(world: &World) {
    for (user, expected) in [("olivia", "OK"), ("adam", "NOT_OWNER"), ("rita", "NOT_OWNER"), ("zoe", "NOT_OWNER")] {
        assert_eq!(told(world, user).await, (expected.to_owned(), None), "{user}");
    }
}

/// What the relations may turn into while the service runs; each is no answer, and never "no account" or "no owner".
const BROKEN: &[&str] = &[
    "DROP VIEW billing_portal_tenants",
    "DROP VIEW billing_portal_owners",
    "DROP VIEW billing_portal_tenants; CREATE VIEW billing_portal_tenants AS SELECT slug AS tenant_id FROM accounts",
    "DROP VIEW billing_portal_tenants; CREATE VIEW billing_portal_tenants AS SELECT slug AS tenant, stripe_customer AS stripe_customer_id FROM accounts",
    "DROP VIEW billing_portal_owners; CREATE VIEW billing_portal_owners AS SELECT account AS tenant_id, person AS member FROM members",
];

/// Over a database that is empty, but for what this puts in: the service becomes ready with the relations, loses them one
/// way after the other, and is itself again whenever they are back.
pub(crate) async fn check_broken_relations(world: &World, writer: &Writer) {
    writer.run(COMPANY).await;
    assert_eq!(told(world, "olivia").await.0, "DATABASE_UNAVAILABLE");
    writer.run(VIEWS).await;
    world.health_is("", ServingStatus::Serving).await;
    for (number, broken) in BROKEN.iter().enumerate() {
        check_company(world).await;
        writer.run(broken).await;
        for user in ["olivia", "adam"] {
            assert_eq!(told(world, &format!("{user}{number}")).await.0, "DATABASE_UNAVAILABLE", "{broken}");
        }
        writer.run("DROP VIEW IF EXISTS billing_portal_tenants; DROP VIEW IF EXISTS billing_portal_owners").await;
        writer.run(VIEWS).await;
    }
    check_company(world).await;
}

/// Settings that name two SQL files in a folder.
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
    // Tables of the views' names that say something else: the files stand in their place.
    writer.run(TABLES).await;
    let files = sql_files(folder.path(), FILES);
    let world = World::with(&[settings, &[&files[0], &files[1]]].concat()).await;
    check_company(&world).await;

    // A statement may read from the view that it stands for.
    let files =
        sql_files(folder.path(), ["SELECT * FROM billing_portal_tenants", "SELECT * FROM billing_portal_owners"]);
    writer.fill("('acme', 'cus_A')", "('acme', 'otto')").await;
    let world = World::with(&[settings, &[&files[0], &files[1]]].concat()).await;
    assert_eq!(told(&world, "otto").await.0, "OK");

    // What the database makes of a statement is its answer, and not the start's.
    for wrong in
        ["SELECT slug AS tenant_id FROM accounts", "SELECT * FROM nowhere", "SELECT 1 +", "SELECT 'a' AS tenant_id"]
    {
        let files = sql_files(folder.path(), [wrong, FILES[1]]);
        let world = World::unready(&[settings, &[&files[0], &files[1]]].concat()).await;
        assert_eq!(told(&world, "olivia").await.0, "DATABASE_UNAVAILABLE", "{wrong}");
        world.health_is("", ServingStatus::NotServing).await;
    }
}

async fn empty_sqlite() -> (tempfile::TempDir, String, Writer) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("company.db").display());
    let pool = sqlx::SqlitePool::connect(&format!("{url}?mode=rwc")).await.unwrap();
    (folder, format!("--database-url={url}"), Writer::Sqlite(pool))
}

#[tokio::test]
async fn relations_that_are_lost_are_no_answer_and_come_back_by_themselves_over_sqlite() {
    let (_folder, url, writer) = empty_sqlite().await;
    let world = World::unready(&[&url]).await;
    check_broken_relations(&world, &writer).await;
}

#[tokio::test]
async fn select_files_stand_for_the_relations_over_sqlite() {
    let (_folder, url, writer) = empty_sqlite().await;
    check_files(&[&url], &writer).await;
}
