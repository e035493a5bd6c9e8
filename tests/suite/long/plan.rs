//! The cost of a call at a PostgreSQL server with a million tenants: the plan of the query that the service sends.

use std::time::{Duration, Instant};

use billing_portal::{
    adapters::directory::{Address, ConnectionLimits, Dialect, Host, Ownership, Relations, Select, SqlDirectory},
    portal::{Directory as _, DirectoryEntry, Integrity, Mapping, TenantId, UserId},
};
use sqlx::AssertSqlSafe;

use crate::support::{Postgres, postgres::TestDatabase};

/// A product's tables with text ids: its primary keys are sufficient, except that the customer needs an index. Of a million
/// tenants, one in ten has no customer. Each has two members, and the first of them is its owner.
const TEXT: &str = "
    CREATE TABLE accounts (id text PRIMARY KEY, name text NOT NULL, stripe_customer text);
    CREATE TABLE members (account text NOT NULL, person text NOT NULL, role text NOT NULL, removed_at timestamptz);
    INSERT INTO accounts SELECT 'tenant-' || i, 'Tenant ' || i, CASE WHEN i % 10 > 0 THEN 'cus_' || md5(i::text) END
        FROM generate_series(1, 1000000) AS i;
    INSERT INTO members SELECT 'tenant-' || i / 2, 'person-' || i, CASE i % 2 WHEN 0 THEN 'owner' ELSE 'member' END
        FROM generate_series(2, 2000001) AS i;
    ALTER TABLE members ADD PRIMARY KEY (account, person);
    CREATE INDEX ON accounts (stripe_customer);";

/// The same with uuid ids: the view casts them, so each compared id needs an index on the same cast.
const UUID: &str = "
    CREATE TABLE accounts (id uuid PRIMARY KEY, name text NOT NULL);
    CREATE TABLE subscriptions (account uuid PRIMARY KEY, stripe_customer text);
    CREATE TABLE members (account uuid NOT NULL, person uuid NOT NULL, role text NOT NULL, removed_at timestamptz);
    INSERT INTO accounts SELECT md5('t' || i)::uuid, 'Tenant ' || i FROM generate_series(1, 1000000) AS i;
    INSERT INTO subscriptions SELECT md5('t' || i)::uuid, 'cus_' || md5(i::text)
        FROM generate_series(1, 1000000) AS i WHERE i % 10 > 0;
    INSERT INTO members SELECT md5('t' || i / 2)::uuid, md5('p' || i)::uuid, CASE i % 2 WHEN 0 THEN 'owner' ELSE 'member' END
        FROM generate_series(2, 2000001) AS i;
    ALTER TABLE members ADD PRIMARY KEY (account, person);
    CREATE INDEX ON subscriptions (stripe_customer);
    CREATE INDEX ON accounts ((id::text));
    CREATE INDEX ON members ((account::text), (person::text));";

const TEXT_SELECTS: [&str; 2] = [
    "SELECT id AS tenant_id, stripe_customer AS stripe_customer_id FROM accounts",
    "SELECT account AS tenant_id, person AS user_id FROM members WHERE role = 'owner' AND removed_at IS NULL",
];

const UUID_SELECTS: [&str; 2] = [
    "SELECT a.id::text AS tenant_id, s.stripe_customer AS stripe_customer_id FROM accounts a LEFT JOIN subscriptions s ON s.account = a.id",
    "SELECT account::text AS tenant_id, person::text AS user_id FROM members WHERE role = 'owner' AND removed_at IS NULL",
];

fn directory(server: &Postgres, database: &TestDatabase, selects: Option<[&str; 2]>) -> SqlDirectory {
    let address = Address { host: Host::Socket(server.folder().to_owned()), port: server.port };
    SqlDirectory::new(
        &database.on(vec![address]),
        None,
        &relations(selects),
        ConnectionLimits { max_connections: 8, query: Duration::from_secs(10) },
    )
}

fn relations(selects: Option<[&str; 2]>) -> Relations {
    let select = |text| Select::parse(text, Dialect::Postgres).unwrap();
    Relations {
        schema: "public".to_owned(),
        ownership: Ownership::TokenAndDirectory,
        tenants: selects.map(|selects| select(selects[0])),
        owners: selects.map(|selects| select(selects[1])),
    }
}

async fn look_up(directory: &SqlDirectory, tenant: &str, user: &str) -> DirectoryEntry {
    directory.look_up(&TenantId::parse(tenant).unwrap(), &UserId::parse(user).unwrap()).await.unwrap()
}

/// Returns the executed plan of the query of a call.
async fn plan(database: &TestDatabase, relations: &Relations, tenant: &str, user: &str) -> String {
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS) {}", relations.query(Dialect::Postgres, tenant, user).text());
    let lines: Vec<String> = sqlx::query_scalar(AssertSqlSafe(explain)).fetch_all(&database.admin).await.unwrap();
    lines.join("\n")
}

/// Returns a sample of the owners.
async fn owners(database: &TestDatabase) -> Vec<(String, String)> {
    let sample = "SELECT account::text, person::text FROM members TABLESAMPLE SYSTEM (1) REPEATABLE (1)
        WHERE role = 'owner' ORDER BY md5(person::text) LIMIT 1000";
    sqlx::query_as(sample).fetch_all(&database.admin).await.unwrap()
}

/// Returns the median duration of sequential calls, each for a different tenant.
async fn median(directory: &SqlDirectory, owners: &[(String, String)]) -> Duration {
    let mut times = Vec::new();
    for (tenant, user) in owners {
        let started = Instant::now();
        let entry = look_up(directory, tenant, user).await;
        times.push(started.elapsed());
        assert!(entry.is_owner && !matches!(entry.mapping, Mapping::Broken(_)), "{tenant}: {entry:?}");
    }
    times.sort();
    times[times.len() / 2]
}

async fn check(server: &Postgres, name: &str, schema: &str, selects: [&str; 2]) {
    let database = server.database().await;
    database.run(schema).await;
    let [tenants_select, owners_select] = selects;
    let views = format!(
        "CREATE VIEW billing_portal_tenants AS {tenants_select}; CREATE VIEW billing_portal_owners AS {owners_select}"
    );
    database.run(&views).await;
    database.run("VACUUM ANALYZE").await;
    let owners = owners(&database).await;
    for (form, selects) in [("views", None), ("SELECT files", Some(selects))] {
        let directory = directory(server, &database, selects);
        let (tenant, user) = &owners[0];
        // The first run fills the server's cache.
        plan(&database, &relations(selects), tenant, user).await;
        let plan = plan(&database, &relations(selects), tenant, user).await;
        eprintln!("\n{name} ids, {form}:\n{plan}");
        assert!(!plan.contains("Seq Scan"), "the query must not read a whole table");
        assert!(plan.matches("Index").count() >= 3, "tenant, customer and owner must each be found by an index");
        eprintln!("{name} ids, {form}: a call takes {:?} (median of 1000)", median(&directory, &owners).await);
    }
}

#[tokio::test]
#[ignore = "fills a million tenants: run it with `tests/run --long`"]
async fn call_reads_only_indexes_with_million_tenants() {
    let server = Postgres::start();
    check(&server, "text", TEXT, TEXT_SELECTS).await;
    check(&server, "uuid", UUID, UUID_SELECTS).await;
}

#[tokio::test]
#[ignore = "fills a million tenants: run it with `tests/run --long`"]
async fn call_stays_cheap_when_million_rows_share_customer_or_tenant() {
    let server = Postgres::start();
    for (rows, broken) in [
        ("'tenant-' || i, 'cus_same'", Integrity::SharedCustomer),
        ("'tenant-7', 'cus_same'", Integrity::TwoRows),
        ("'tenant-7', 'cus_' || i", Integrity::TwoRows),
        ("'tenant-' || i, 'no customer'", Integrity::MalformedCustomer),
    ] {
        let database = server.database().await;
        let schema = "CREATE TABLE billing_portal_tenants (tenant_id text, stripe_customer_id text);
            CREATE TABLE billing_portal_owners (tenant_id text, user_id text, PRIMARY KEY (tenant_id, user_id));
            CREATE INDEX ON billing_portal_tenants (tenant_id);
            CREATE INDEX ON billing_portal_tenants (stripe_customer_id);
            INSERT INTO billing_portal_owners VALUES ('tenant-7', 'olivia');";
        let fill = format!("INSERT INTO billing_portal_tenants SELECT {rows} FROM generate_series(1, 1000000) AS i");
        database.run(&format!("{schema} {fill}")).await;
        database.run("VACUUM ANALYZE").await;
        let directory = directory(&server, &database, None);
        for _ in 0..10 {
            let entry = look_up(&directory, "tenant-7", "olivia").await;
            assert_eq!(entry, DirectoryEntry { is_owner: true, mapping: Mapping::Broken(broken) });
        }
        let plan = plan(&database, &relations(None), "tenant-7", "olivia").await;
        // The first `Buffers` line of the plan counts the pages of the whole query.
        let pages = plan.lines().find_map(|line| line.trim().strip_prefix("Buffers: shared ")).unwrap();
        let pages: u32 = pages.split([' ', '=']).filter_map(|word| word.parse::<u32>().ok()).sum();
        eprintln!("{rows}: {pages} pages read");
        assert!(pages < 100, "{plan}");
    }
}
