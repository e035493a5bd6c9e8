//! The directory: the company's own tables. Each call reads them with one query; the service never writes to them.

mod all_mappings;
mod dialect;
mod facts;
mod pool;
mod postgres;
mod query;
mod select;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::timeout;

pub use all_mappings::TenantMapping;
pub use dialect::Dialect;
use pool::Connections;
pub use pool::Database;
pub(crate) use pool::MAX_CONNECTIONS;
pub use postgres::{Host, Password, PasswordError, PostgresServer};
pub use query::Relations;
pub use select::{Select, SelectError};
pub use sqlx::postgres::PgSslMode;

use crate::{
    portal::{Directory, DirectoryEntry, Reason, Refusal, TenantId, UserId},
    reload::file::ReloadingFile,
};

/// The time limit of a probe. With the 1 s pause between two probes, one starts at least every 5 s.
const PROBE_TIMEOUT: Duration = Duration::from_secs(4);

/// Whether ownership is also checked in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Ownership {
    /// The person must be a current owner in `billing_portal_owners`.
    TokenAndDirectory,
    /// The role in the token is trusted for the token's lifetime of at most five minutes.
    Token,
}

/// The directory in SQLite or PostgreSQL.
pub struct SqlDirectory {
    connections: Connections,
    ownership: Ownership,
    query: Arc<str>,
    all_mappings_query: Arc<str>,
}

impl SqlDirectory {
    /// Creates a directory that connects on first use. Each new connection to PostgreSQL uses the current value of
    /// `password`, and PostgreSQL cancels a query after `statement_limit`.
    #[must_use]
    pub fn new(
        database: &Database,
        password: Option<ReloadingFile<Password>>,
        relations: &Relations,
        statement_limit: Duration,
    ) -> Self {
        Self {
            connections: Connections::new(database, password, statement_limit),
            ownership: relations.ownership,
            query: relations.query(database.dialect()).into(),
            all_mappings_query: relations.all_mappings_query(database.dialect()).into(),
        }
    }

    /// Returns the text of the query that every call sends, for EXPLAIN.
    #[must_use]
    pub fn query(&self) -> &str {
        &self.query
    }

    /// Returns the number of connections in use and the number of idle ones.
    #[must_use]
    pub fn connections(&self) -> (u64, u64) {
        self.connections.count()
    }

    /// Reads the mappings of all tenants, by the same rules as a call.
    ///
    /// # Errors
    /// DATABASE_UNAVAILABLE.
    pub async fn all_mappings(&self) -> Result<Vec<TenantMapping>, Refusal> {
        self.fetch(&self.all_mappings_query, &[]).await.map(all_mappings::by_tenant)
    }

    /// Runs the query of a call with empty ids, which no person and no tenant has. Success shows that the database is
    /// reachable and that the relations can be read.
    ///
    /// # Errors
    /// DATABASE_UNAVAILABLE.
    pub async fn probe(&self) -> Result<(), Refusal> {
        match timeout(PROBE_TIMEOUT, self.fetch_facts("", "")).await {
            Ok(facts) => facts.map(drop),
            Err(_) => Err(Refusal::because(Reason::DatabaseUnavailable, "directory query timed out")),
        }
    }

    async fn fetch_facts(&self, tenant: &str, user: &str) -> Result<Vec<facts::Fact>, Refusal> {
        // PostgreSQL rejects a bound value that the query does not use.
        let ids: &[&str] = match self.ownership {
            Ownership::TokenAndDirectory => &[tenant, user],
            Ownership::Token => &[tenant],
        };
        self.fetch(&self.query, ids).await
    }

    async fn fetch(&self, query: &Arc<str>, ids: &[&str]) -> Result<Vec<facts::Fact>, Refusal> {
        self.connections.fetch(Arc::clone(query), ids).await.map_err(|error| {
            let cause = if matches!(error, sqlx::Error::PoolTimedOut) {
                "directory has no free connection, or its server refuses connections or does not respond"
            } else {
                "directory query failed"
            };
            Refusal::because(Reason::DatabaseUnavailable, cause).caused_by(error)
        })
    }
}

#[async_trait]
impl Directory for SqlDirectory {
    async fn look_up(&self, tenant: &TenantId, user: &UserId) -> Result<DirectoryEntry, Refusal> {
        let facts = self.fetch_facts(tenant.as_str(), user.as_str()).await?;
        facts::entry(facts, self.ownership, tenant, user)
    }
}

impl std::fmt::Debug for SqlDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlDirectory").field("ownership", &self.ownership).finish_non_exhaustive()
    }
}
