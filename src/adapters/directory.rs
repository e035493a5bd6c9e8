//! The directory: the company's own tables, read in one query a call and never written.

use std::{str::FromStr as _, time::Duration};

use async_trait::async_trait;
use sqlx::{
    Row as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow},
};

use crate::portal::{CustomerId, Directory, Entry, Integrity, Mapping, Reason, Refusal, TenantId, UserId};

mod every;

pub use every::Mapped;

/// How many queries run at once; a call waits for its turn inside its deadline.
const MAX_CONNECTIONS: u32 = 8;

/// How long a call waits for a connection before it is told that there is none.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// Whether the directory is asked for present membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Ownership {
    /// The person must be a present owner in `billing_portal_owners`.
    TokenAndDirectory,
    /// The token's role is trusted for its five minutes.
    Token,
}

/// One row a fact: the tenant's mappings, the person's ownership, and every tenant that shares the customer. What SQL
/// compares (a collation may call two ids equal) is compared again here, byte for byte.
const QUERY: &str = "
WITH mine AS (SELECT tenant_id, stripe_customer_id FROM billing_portal_tenants WHERE tenant_id = ?1)
SELECT 'mapping' AS fact, tenant_id, stripe_customer_id AS value FROM mine
UNION ALL
SELECT 'sharing', others.tenant_id, others.stripe_customer_id FROM billing_portal_tenants AS others
  WHERE others.stripe_customer_id IN (SELECT stripe_customer_id FROM mine)
";

/// Asked in the same query, unless the token alone is trusted.
const OWNERS_QUERY: &str = "
UNION ALL
SELECT 'owner', tenant_id, user_id FROM billing_portal_owners WHERE tenant_id = ?1 AND user_id = ?2
";

/// The two relations `billing_portal_tenants` and `billing_portal_owners` in SQLite.
#[derive(Debug)]
pub struct SqlDirectory {
    pool: SqlitePool,
    ownership: Ownership,
    query: String,
}

impl SqlDirectory {
    /// Takes a `sqlite:` URL. Connects later, read-only, and never creates a file.
    ///
    /// # Errors
    /// When the URL is none of SQLite's.
    pub fn new(url: &str, ownership: Ownership) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::from_str(url)?.read_only(true).create_if_missing(false);
        let pool = SqlitePoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options);
        let query = match ownership {
            Ownership::TokenAndDirectory => format!("{QUERY}{OWNERS_QUERY}"),
            Ownership::Token => QUERY.to_owned(),
        };
        Ok(Self { pool, ownership, query })
    }

    /// Asks for a person who can't exist: an answer shows that the database and the relations are there.
    ///
    /// # Errors
    /// DATABASE_UNAVAILABLE.
    pub async fn probe(&self) -> Result<(), Refusal> {
        self.facts("", "").await.map(drop)
    }

    async fn facts(&self, tenant: &str, user: &str) -> Result<Vec<SqliteRow>, Refusal> {
        // The text is constant but for the owners' part, which `new` adds or leaves out; values are bound.
        sqlx::query(sqlx::AssertSqlSafe(self.query.as_str()))
            .bind(tenant)
            .bind(user)
            .fetch_all(&self.pool)
            .await
            .map_err(|error| {
                Refusal::because(Reason::DatabaseUnavailable, "the directory gives no answer").caused_by(error)
            })
    }
}

impl SqlDirectory {
    /// Every tenant, by the same reading as a call's.
    ///
    /// # Errors
    /// DATABASE_UNAVAILABLE.
    pub async fn every_mapping(&self) -> Result<Vec<Mapped>, Refusal> {
        let rows = sqlx::query("SELECT tenant_id, stripe_customer_id FROM billing_portal_tenants")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| {
                Refusal::because(Reason::DatabaseUnavailable, "the directory gives no answer").caused_by(error)
            })?;
        Ok(every::mapped(rows.iter().map(|row| (text(row, "tenant_id"), text(row, "stripe_customer_id")))))
    }
}

#[async_trait]
impl Directory for SqlDirectory {
    async fn look_up(&self, tenant: &TenantId, user: &UserId) -> Result<Entry, Refusal> {
        let rows = self.facts(tenant.as_str(), user.as_str()).await?;
        let mut mappings = Vec::new();
        let mut sharing = Vec::new();
        let mut is_owner = self.ownership == Ownership::Token;
        for row in &rows {
            let (tenant_id, value) = (text(row, "tenant_id"), text(row, "value"));
            let is_mine = tenant_id == Cell::Text(tenant.as_str().to_owned());
            let Cell::Text(fact) = text(row, "fact") else { continue };
            match fact.as_str() {
                "mapping" if is_mine => mappings.push(value),
                "sharing" if !is_mine => sharing.push(value),
                "owner" if is_mine => is_owner |= value == Cell::Text(user.as_str().to_owned()),
                _ => {}
            }
        }
        Ok(Entry { is_owner, mapping: mapping(mappings, &sharing) })
    }
}

/// A value as it came out of the database, whatever type the column claims.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cell {
    Null,
    Text(String),
    /// A number, a blob, or text that is no UTF-8.
    NoText,
}

fn text(row: &SqliteRow, column: &str) -> Cell {
    match row.try_get::<Option<String>, _>(column) {
        Ok(None) => Cell::Null,
        Ok(Some(text)) => Cell::Text(text),
        Err(_) => Cell::NoText,
    }
}

fn mapping(mut mine: Vec<Cell>, others: &[Cell]) -> Mapping {
    let (first, second) = (mine.pop(), mine.pop());
    if second.is_some() {
        return Mapping::Broken(Integrity::TwoRows);
    }
    let customer = match first {
        None | Some(Cell::Null) => return Mapping::None,
        Some(Cell::Text(text)) if text.is_empty() => return Mapping::None,
        Some(Cell::Text(text)) => text,
        Some(Cell::NoText) => return Mapping::Broken(Integrity::MalformedCustomer),
    };
    let Some(id) = CustomerId::parse(&customer) else {
        return Mapping::Broken(Integrity::MalformedCustomer);
    };
    if others.contains(&Cell::Text(customer)) {
        return Mapping::Broken(Integrity::SharedCustomer);
    }
    Mapping::Customer(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn look_up(rows: &str, tenant: &str) -> Result<Entry, Refusal> {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("directory.db").display());
        let writer = SqlitePool::connect(&format!("{url}?mode=rwc")).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(rows)).execute(&writer).await.unwrap();
        let directory = SqlDirectory::new(&url, Ownership::TokenAndDirectory).unwrap();
        directory.look_up(&TenantId::parse(tenant).unwrap(), &UserId::parse("olivia").unwrap()).await
    }

    /// The relations as the contract has them, with `rows` for tenants and olivia as acme's owner.
    async fn mapping_of(rows: &str) -> Mapping {
        let schema = format!(
            "CREATE TABLE billing_portal_tenants (tenant_id text, stripe_customer_id text, plan text);
             CREATE TABLE billing_portal_owners (tenant_id text, user_id text);
             INSERT INTO billing_portal_owners VALUES ('acme', 'olivia');
             INSERT INTO billing_portal_tenants (tenant_id, stripe_customer_id) VALUES {rows}"
        );
        let entry = look_up(&schema, "acme").await.unwrap();
        assert!(entry.is_owner);
        entry.mapping
    }

    #[tokio::test]
    async fn one_row_with_one_unshared_customer_is_a_mapping() {
        let mapping = mapping_of("('acme', 'cus_A'), ('globex', 'cus_B'), ('ACME', 'cus_C'), ('acme ', 'cus_D')").await;
        assert_eq!(mapping, Mapping::Customer(CustomerId::parse("cus_A").unwrap()));
    }

    #[tokio::test]
    async fn no_row_null_and_empty_are_no_account() {
        for rows in ["('globex', 'cus_B')", "('acme', NULL)", "('acme', '')", "('ACME', 'cus_A')"] {
            assert_eq!(mapping_of(rows).await, Mapping::None, "{rows}");
        }
    }

    #[tokio::test]
    async fn contradictions_are_told_apart() {
        let blob = "('acme', x'6375735F41')";
        for (rows, how) in [
            ("('acme', 'cus_A'), ('acme', 'cus_B')", Integrity::TwoRows),
            ("('acme', 'cus_A'), ('acme', 'cus_A')", Integrity::TwoRows),
            ("('acme', 'cus_A'), ('acme', NULL)", Integrity::TwoRows),
            ("('acme', 'cus_A'), ('globex', 'cus_A')", Integrity::SharedCustomer),
            ("('acme', 'cus_A'), ('Acme', 'cus_A')", Integrity::SharedCustomer),
            ("('acme', ' cus_A')", Integrity::MalformedCustomer),
            ("('acme', 'cus_A/../x')", Integrity::MalformedCustomer),
            ("('acme', ' ')", Integrity::MalformedCustomer),
            (blob, Integrity::MalformedCustomer),
        ] {
            assert_eq!(mapping_of(rows).await, Mapping::Broken(how), "{rows}");
        }
    }

    #[tokio::test]
    async fn a_collation_that_ignores_case_shares_nothing() {
        let schema = "CREATE TABLE billing_portal_tenants (tenant_id text COLLATE NOCASE, stripe_customer_id text COLLATE NOCASE);
             CREATE TABLE billing_portal_owners (tenant_id text COLLATE NOCASE, user_id text COLLATE NOCASE);
             INSERT INTO billing_portal_owners VALUES ('ACME', 'olivia'), ('acme', 'OLIVIA');
             INSERT INTO billing_portal_tenants VALUES ('ACME', 'cus_b'), ('acme', 'cus_B')";
        let entry = look_up(schema, "acme").await.unwrap();
        assert!(!entry.is_owner);
        assert_eq!(entry.mapping, Mapping::Customer(CustomerId::parse("cus_B").unwrap()));
    }

    #[tokio::test]
    async fn a_tenant_id_is_never_sql() {
        let tenant = "x'OR'1'='1";
        assert_eq!(mapping_of("('acme', NULL), ('globex', 'cus_B')").await, Mapping::None);
        let schema = "CREATE TABLE billing_portal_tenants (tenant_id text, stripe_customer_id text);
             CREATE TABLE billing_portal_owners (tenant_id text, user_id text);
             INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_A')";
        let entry = look_up(schema, tenant).await.unwrap();
        assert_eq!(entry, Entry { is_owner: false, mapping: Mapping::None });
    }

    #[tokio::test]
    async fn a_missing_relation_or_column_is_no_answer() {
        for schema in [
            "CREATE TABLE other (x text)",
            "CREATE TABLE billing_portal_tenants (tenant_id text, stripe_customer_id text)",
            "CREATE TABLE billing_portal_tenants (tenant_id text); CREATE TABLE billing_portal_owners (tenant_id text, user_id text)",
        ] {
            let refusal = look_up(schema, "acme").await.unwrap_err();
            assert_eq!(refusal.reason(), Reason::DatabaseUnavailable, "{schema}");
        }
    }

    #[tokio::test]
    async fn a_missing_file_is_no_answer_and_is_not_created() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing.db");
        let directory = SqlDirectory::new(&format!("sqlite:{}", path.display()), Ownership::Token).unwrap();
        assert_eq!(directory.probe().await.unwrap_err().reason(), Reason::DatabaseUnavailable);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn the_connection_can_not_write() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("directory.db").display());
        SqlitePool::connect(&format!("{url}?mode=rwc")).await.unwrap();
        let directory = SqlDirectory::new(&format!("{url}?mode=rwc"), Ownership::Token).unwrap();
        assert!(sqlx::query("CREATE TABLE x (y text)").execute(&directory.pool).await.is_err());
    }
}
