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

    /// How many connections are in use, and how many are idle.
    #[must_use]
    pub fn connections(&self) -> (u64, u64) {
        let idle = self.pool.num_idle() as u64;
        (u64::from(self.pool.size()).saturating_sub(idle), idle)
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
mod tests;
