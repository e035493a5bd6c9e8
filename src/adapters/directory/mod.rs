//! The directory: the company's own tables, read in one query a call and never written.

mod every;
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

pub use every::Mapped;
use pool::Connections;
pub use pool::Database;
pub use postgres::{Host, Password, PostgresServer};
pub use query::{Dialect, Relations};
pub use select::Select;
pub use sqlx::postgres::PgSslMode;

use crate::{
    portal::{Directory, DirectoryEntry, Reason, Refusal, TenantId, UserId},
    reload::file::ReloadingFile,
};

/// How long a probe may take; with the pause between two, one begins at least every 5 s.
const PROBE_TIMEOUT: Duration = Duration::from_secs(4);

/// Whether the directory is asked for present membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Ownership {
    /// The person must be a present owner in `billing_portal_owners`.
    TokenAndDirectory,
    /// The token's role is trusted for its five minutes.
    Token,
}

/// The two relations in SQLite or PostgreSQL.
pub struct SqlDirectory {
    connections: Connections,
    ownership: Ownership,
    query: Arc<str>,
    every: Arc<str>,
}

impl SqlDirectory {
    /// Connects later. `password` is used for each new connection to PostgreSQL, as it is then. A server gives up a query
    /// after `statement_limit`.
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
            every: relations.every(database.dialect()).into(),
        }
    }

    /// The text of the query that every call sends, for EXPLAIN.
    #[must_use]
    pub fn query(&self) -> &str {
        &self.query
    }

    /// How many connections are in use, and how many are idle.
    #[must_use]
    pub fn connections(&self) -> (u64, u64) {
        self.connections.count()
    }

    /// Every tenant, by the same reading as a call's.
    ///
    /// # Errors
    /// DATABASE_UNAVAILABLE.
    pub async fn every_mapping(&self) -> Result<Vec<Mapped>, Refusal> {
        self.ask(&self.every, &[]).await.map(every::mapped)
    }

    /// Asks for a person who can't exist: an answer shows that the database and the relations are there.
    ///
    /// # Errors
    /// DATABASE_UNAVAILABLE.
    pub async fn probe(&self) -> Result<(), Refusal> {
        match timeout(PROBE_TIMEOUT, self.facts("", "")).await {
            Ok(facts) => facts.map(drop),
            Err(_) => Err(Refusal::because(Reason::DatabaseUnavailable, "the directory gives no answer in time")),
        }
    }

    async fn facts(&self, tenant: &str, user: &str) -> Result<Vec<facts::Fact>, Refusal> {
        // A server refuses a value that the query has no place for.
        let ids: &[&str] = match self.ownership {
            Ownership::TokenAndDirectory => &[tenant, user],
            Ownership::Token => &[tenant],
        };
        self.ask(&self.query, ids).await
    }

    async fn ask(&self, query: &Arc<str>, ids: &[&str]) -> Result<Vec<facts::Fact>, Refusal> {
        self.connections.facts(Arc::clone(query), ids).await.map_err(|error| {
            let cause = if matches!(error, sqlx::Error::PoolTimedOut) {
                "the directory has no free connection, or its server is silent or refuses"
            } else {
                "the directory gives no answer"
            };
            Refusal::because(Reason::DatabaseUnavailable, cause).caused_by(error)
        })
    }
}

#[async_trait]
impl Directory for SqlDirectory {
    async fn look_up(&self, tenant: &TenantId, user: &UserId) -> Result<DirectoryEntry, Refusal> {
        let facts = self.facts(tenant.as_str(), user.as_str()).await?;
        facts::entry(facts, self.ownership, tenant, user)
    }
}

impl std::fmt::Debug for SqlDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlDirectory").field("ownership", &self.ownership).finish_non_exhaustive()
    }
}
