//! The directory: the company's own tables. Each call reads them with one query; the service never writes to them.

mod all_mappings;
mod connections;
mod dialect;
mod facts;
mod failure;
mod idle;
mod outage;
mod postgres;
mod query;
mod select;
mod sqlite;
mod template;
mod tenant_share;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use all_mappings::PAGE_ROWS;
pub use all_mappings::{Page, Position, TenantMapping};
use connections::Connections;
pub use connections::{ConnectionLimits, Database};
pub use dialect::Dialect;
use failure::{Failure, FailureKind};
use outage::Outage;
pub use postgres::{Address, Host, Password, PasswordError, PostgresServers};
use query::CallQuery;
pub use query::{Query, Relations};
pub use select::{Select, SelectError};
pub use sqlx::postgres::PgSslMode;

use crate::{
    portal::{Directory, DirectoryEntry, Refusal, TenantId, UserId},
    reload::file::ReloadingFile,
};

/// The time limit of a probe. With the 1 s pause between two failed probes, one starts at least every 5 s.
const PROBE_TIMEOUT: Duration = Duration::from_secs(4);

/// Whether ownership is also checked in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Ownership {
    /// The person must be a current owner in `billing_portal_owners`.
    TokenAndDirectory,
    /// The role in the token is trusted for the token's lifetime.
    Token,
}

/// The directory in SQLite or PostgreSQL.
pub struct SqlDirectory {
    connections: Connections,
    dialect: Dialect,
    relations: Relations,
    call: CallQuery,
    outage: Outage,
}

impl SqlDirectory {
    /// Creates a directory that connects on first use. Each new connection to PostgreSQL uses the current value of
    /// `password`.
    #[must_use]
    pub fn new(
        database: &Database,
        password: Option<ReloadingFile<Password>>,
        relations: &Relations,
        limits: ConnectionLimits,
    ) -> Self {
        Self {
            connections: Connections::new(database, &relations.schema, password, limits),
            dialect: database.dialect(),
            call: CallQuery::new(relations, database.dialect()),
            relations: relations.clone(),
            outage: Outage::default(),
        }
    }

    /// Returns the number of connections in use and the number of idle ones.
    #[must_use]
    pub fn connections(&self) -> (u64, u64) {
        self.connections.count()
    }

    /// Reads the mappings of the next tenants after a position, by the same rules as a call; `None` is the beginning.
    ///
    /// # Errors
    /// DATABASE_UNAVAILABLE.
    pub async fn mappings_page(&self, after: Option<Position>) -> Result<Page, Refusal> {
        let after = after.map(|Position(tenant)| tenant);
        let rows = self.connections.fetch(self.relations.mappings_page_query(self.dialect, after, PAGE_ROWS)).await?;
        Ok(Page::group(rows, PAGE_ROWS))
    }

    /// Returns the number of rows that all pages have together.
    ///
    /// # Errors
    /// DATABASE_UNAVAILABLE.
    pub async fn rows(&self) -> Result<u64, Refusal> {
        let facts = self.connections.fetch(self.relations.rows_query(self.dialect)).await?;
        let count = facts.first().and_then(|fact| std::str::from_utf8(fact.customer.as_bytes()).ok()?.parse().ok());
        count.ok_or_else(|| Failure::from(FailureKind::Query).into())
    }

    /// Runs the query of a call with empty ids, which no person and no tenant has. Success shows that the database is
    /// reachable and that the relations can be read.
    ///
    /// # Errors
    /// DATABASE_UNAVAILABLE.
    pub async fn probe(&self) -> Result<(), Refusal> {
        Ok(self.try_probe().await?)
    }

    async fn try_probe(&self) -> Result<(), Failure> {
        // Without the share of a tenant: probes that hang must not be mistaken for a tenant that uses up its share.
        timeout(PROBE_TIMEOUT, self.connections.fetch(self.call.with("", ""))).await?.map(drop)
    }

    /// Probes repeatedly, so that an outage is noticed without calls, and ends when the directory works again.
    pub async fn probe_repeatedly(&self) {
        loop {
            self.outage.record(self.try_probe().await);
            self.outage.probe_due().await;
        }
    }

    /// Waits until [`Self::probe_repeatedly`] has reached the directory once.
    pub async fn reached(&self) {
        self.outage.reached().await;
    }

    /// Returns for how long the probes have failed, or `None` if the latest one succeeded.
    #[must_use]
    pub fn failing_for(&self) -> Option<Duration> {
        Some(self.outage.failing_since()?.elapsed())
    }
}

#[async_trait]
impl Directory for SqlDirectory {
    async fn look_up(&self, tenant: &TenantId, user: &UserId) -> Result<DirectoryEntry, Refusal> {
        let query = self.call.with(tenant.as_str(), user.as_str());
        let facts = self.connections.fetch_for(tenant.as_str(), query).await;
        let facts = facts.inspect_err(|failure| self.outage.suspect(failure))?;
        facts::entry(facts, self.relations.ownership, tenant, user)
    }
}

impl std::fmt::Debug for SqlDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlDirectory").field("relations", &self.relations).finish_non_exhaustive()
    }
}
