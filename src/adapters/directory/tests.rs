use sqlx::{AssertSqlSafe, Row as _, SqlitePool};

use super::*;
use crate::portal::Reason;

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
    assert_eq!(cause, "unable to open database file", "SQLite has no SQLSTATE");
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

#[tokio::test]
async fn connection_to_file_is_read_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    SqlitePool::connect(&format!("sqlite:{}?mode=rwc", path.display())).await.unwrap();
    let directory = SqlDirectory::new(&Database::Sqlite(path), None, &relations(Ownership::Token), LIMITS);
    let connections::Pool::Sqlite(connections) = &directory.connections.pool else { panic!("not a SQLite pool") };
    let (mut open, _free) = connections.acquire().await.unwrap();
    let error = sqlx::query("CREATE TABLE x (y text)").execute(&mut open.connection).await.unwrap_err();
    assert!(error.to_string().contains("readonly"), "{error}");
}

#[tokio::test]
async fn sqlite_reads_both_relations_by_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let database = SqlitePool::connect(&format!("sqlite:{}?mode=rwc", path.display())).await.unwrap();
    let schema = "CREATE TABLE accounts (id text PRIMARY KEY, customer text COLLATE NOCASE);
        CREATE INDEX customers ON accounts (customer);
        CREATE TABLE members (account text, person text, role text, PRIMARY KEY (account, person));
        CREATE VIEW billing_portal_tenants AS SELECT id AS tenant_id, customer AS stripe_customer_id FROM accounts;
        CREATE VIEW billing_portal_owners AS SELECT account AS tenant_id, person AS user_id FROM members WHERE role = 'owner'";
    sqlx::raw_sql(schema).execute(&database).await.unwrap();
    let select = |text| Some(Select::parse(text, Dialect::Sqlite).unwrap());
    let files = Relations {
        tenants: select("SELECT id AS tenant_id, customer AS stripe_customer_id FROM accounts -- all accounts"),
        owners: select("SELECT account AS tenant_id, person AS user_id FROM members WHERE role = 'owner';"),
        ..relations(Ownership::TokenAndDirectory)
    };
    for relations in [relations(Ownership::TokenAndDirectory), files] {
        let explain = format!("EXPLAIN QUERY PLAN {}", relations.query(Dialect::Sqlite, "a", "b").text());
        let rows = sqlx::query(AssertSqlSafe(explain)).bind("a").bind("b").fetch_all(&database).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
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
        let database = SqlitePool::connect(&format!("sqlite:{}?mode=rwc", path.display())).await.unwrap();
        let schema = format!(
            "PRAGMA encoding = '{encoding}';
             CREATE TABLE billing_portal_tenants (tenant_id text COLLATE NOCASE, stripe_customer_id text);
             CREATE INDEX customers ON billing_portal_tenants (stripe_customer_id);
             INSERT INTO billing_portal_tenants
                WITH RECURSIVE tenants (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM tenants LIMIT {PAGE_ROWS} + 5)
                SELECT substr('tT', 1 + number % 2, 1) || number, 'cus_' || number FROM tenants"
        );
        sqlx::raw_sql(AssertSqlSafe(schema)).execute(&database).await.unwrap();
        let directory = SqlDirectory::new(&Database::Sqlite(path), None, &relations(Ownership::Token), LIMITS);
        let first = directory.mappings_page(None).await.unwrap();
        let second = directory.mappings_page(first.next).await.unwrap();
        assert_eq!((first.tenants.len() + second.tenants.len(), second.next), (PAGE_ROWS + 5, None), "{encoding}");
    }
}
