use std::path::Path;

use rusqlite::Connection;

use super::*;
use crate::portal::{CustomerId, Mapping, Reason};

const LIMITS: ConnectionLimits = ConnectionLimits { max_connections: 8, query: Duration::from_secs(10) };

fn relations(ownership: Ownership) -> Relations {
    Relations { schema: "public".to_owned(), ownership, tenants: None, owners: None }
}

#[tokio::test]
async fn missing_file_is_unavailable_and_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing.db");
    let database = Database::Sqlite(path.clone());
    let directory = SqlDirectory::new(&database, None, &relations(Ownership::Token), LIMITS);
    let refusal = directory.probe().await.unwrap_err();
    assert_eq!(refusal.reason(), Reason::DatabaseUnavailable);
    let cause = std::error::Error::source(&refusal).unwrap().to_string();
    assert_eq!(cause, format!("unable to open database file: {}", path.display()));
    assert!(!path.exists());
}

#[test]
fn only_views_have_a_general_plan() {
    let select =
        Select::parse("SELECT a AS tenant_id, b AS user_id FROM c WHERE d > 'now'", Dialect::Postgres).unwrap();
    let views = relations(Ownership::TokenAndDirectory);
    assert!(views.query(Dialect::Postgres, "acme", "olivia").has_general_plan);
    for files in
        [Relations { tenants: Some(select.clone()), ..views.clone() }, Relations { owners: Some(select), ..views }]
    {
        assert!(!files.query(Dialect::Postgres, "acme", "olivia").has_general_plan);
    }
}

#[test]
fn connection_to_file_is_read_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    Connection::open(&path).unwrap();
    let connection = sqlite::open(&path).unwrap();
    let error = connection.execute("CREATE TABLE x (y text)", ()).unwrap_err();
    assert!(error.to_string().contains("readonly"), "{error}");
}

/// A file in which the tenant `slow` never has an answer, and the tenant `acme` has one.
fn slow_for_one_tenant(path: &Path) {
    let schema = "CREATE TABLE mapping (tenant_id text PRIMARY KEY, stripe_customer_id text UNIQUE);
        INSERT INTO mapping VALUES ('acme', 'cus_A'), ('slow', 'cus_S');
        CREATE VIEW billing_portal_tenants AS SELECT * FROM mapping WHERE tenant_id <> 'slow'
            OR (WITH RECURSIVE endless (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM endless) SELECT max(n) FROM endless)";
    Connection::open(path).unwrap().execute_batch(schema).unwrap();
}

/// Limits with a query that may take a second and with four connections, of which a tenant may use one.
const SHORT: ConnectionLimits = ConnectionLimits { max_connections: 4, query: Duration::from_secs(1) };

async fn mapping(directory: &SqlDirectory, tenant: &str) -> Result<Mapping, String> {
    let entry = directory.look_up(&TenantId::parse(tenant).unwrap(), &UserId::parse("olivia").unwrap()).await;
    entry.map(|entry| entry.mapping).map_err(|refusal| refusal.to_string())
}

#[tokio::test]
async fn sqlite_query_ends_at_its_time_limit_or_with_its_call() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    slow_for_one_tenant(&path);
    let directory = SqlDirectory::new(&Database::Sqlite(path), None, &relations(Ownership::Token), SHORT);
    let acme = Ok(Mapping::Customer(CustomerId::parse("cus_A").unwrap()));
    for is_abandoned in [false, true] {
        let mut slow = Box::pin(mapping(&directory, "slow"));
        while directory.connections().0 == 0 {
            assert!(timeout(Duration::ZERO, &mut slow).await.is_err());
        }
        assert_eq!(mapping(&directory, "acme").await, acme);
        if is_abandoned {
            drop(slow);
        } else {
            assert_eq!(slow.await, Err("directory did not answer in time".to_owned()));
        }
        assert_eq!(mapping(&directory, "acme").await, acme);
        let ended = async {
            while directory.connections().0 > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), ended).await.unwrap();
        assert_eq!(directory.connections(), (0, 1), "the connection of the slow query is closed");
    }
}

#[tokio::test]
async fn query_waits_for_lock_of_another_process_until_its_time_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    slow_for_one_tenant(&path);
    let lock = Connection::open(&path).unwrap();
    let directory = SqlDirectory::new(&Database::Sqlite(path), None, &relations(Ownership::Token), SHORT);
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(mapping(&directory, "acme").await, Err("directory query failed: database is locked".to_owned()));
    assert_eq!(directory.connections(), (0, 0));
    let (found, ()) = tokio::join!(mapping(&directory, "acme"), async { lock.execute_batch("ROLLBACK").unwrap() });
    assert_eq!(found, Ok(Mapping::Customer(CustomerId::parse("cus_A").unwrap())));
}

#[test]
fn sqlite_reads_both_relations_by_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let database = Connection::open(&path).unwrap();
    let schema = "CREATE TABLE accounts (id text PRIMARY KEY, customer text COLLATE NOCASE);
        CREATE INDEX customers ON accounts (customer);
        CREATE TABLE members (account text, person text, role text, PRIMARY KEY (account, person));
        CREATE VIEW billing_portal_tenants AS SELECT id AS tenant_id, customer AS stripe_customer_id FROM accounts;
        CREATE VIEW billing_portal_owners AS SELECT account AS tenant_id, person AS user_id FROM members WHERE role = 'owner'";
    database.execute_batch(schema).unwrap();
    let select = |text| Some(Select::parse(text, Dialect::Sqlite).unwrap());
    let files = Relations {
        tenants: select("SELECT id AS tenant_id, customer AS stripe_customer_id FROM accounts -- all accounts"),
        owners: select("SELECT account AS tenant_id, person AS user_id FROM members WHERE role = 'owner';"),
        ..relations(Ownership::TokenAndDirectory)
    };
    for relations in [relations(Ownership::TokenAndDirectory), files] {
        let explain = format!("EXPLAIN QUERY PLAN {}", relations.query(Dialect::Sqlite, "a", "b").text());
        let mut explain = database.prepare(&explain).unwrap();
        let steps = explain.query_map(["a", "b"], |row| row.get("detail")).unwrap();
        let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
        let searches = |table: &str, index: &str| {
            steps
                .iter()
                .filter(|step| step.starts_with("SEARCH") && step.contains(table) && step.contains(index))
                .count()
        };
        assert_eq!(searches("accounts", "(id=?)"), 1, "{steps:#?}");
        assert_eq!(searches("accounts", "customers (customer=?)"), 1, "{steps:#?}");
        assert_eq!(searches("members", "(account=? AND person=?)"), 1, "{steps:#?}");
        let scans = steps.iter().filter(|step| step.starts_with("SCAN"));
        let scans: Vec<_> = scans.filter(|step| step.contains("accounts") || step.contains("members")).collect();
        assert!(scans.is_empty(), "{steps:#?}");
    }
}

#[tokio::test]
async fn pages_contain_every_tenant_whatever_the_encoding_of_the_file() {
    for encoding in ["UTF-8", "UTF-16le", "UTF-16be"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("directory.db");
        let database = Connection::open(&path).unwrap();
        let schema = format!(
            "PRAGMA encoding = '{encoding}';
             CREATE TABLE billing_portal_tenants (tenant_id text COLLATE NOCASE, stripe_customer_id text);
             CREATE INDEX customers ON billing_portal_tenants (stripe_customer_id);
             INSERT INTO billing_portal_tenants
                WITH RECURSIVE tenants (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM tenants LIMIT {PAGE_ROWS} + 5)
                SELECT substr('tT', 1 + number % 2, 1) || number, 'cus_' || number FROM tenants"
        );
        database.execute_batch(&schema).unwrap();
        let directory = SqlDirectory::new(&Database::Sqlite(path), None, &relations(Ownership::Token), LIMITS);
        let first = directory.mappings_page(None).await.unwrap();
        let second = directory.mappings_page(first.next).await.unwrap();
        assert_eq!((first.tenants.len() + second.tenants.len(), second.next), (PAGE_ROWS + 5, None), "{encoding}");
    }
}
