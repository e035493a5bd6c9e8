//! Connections to either database: read-only, limited in number and in time.

use std::{path::PathBuf, time::Duration};

use rand::RngExt as _;

use super::{
    Dialect, Password,
    facts::Fact,
    failure::Failure,
    postgres::{PostgresConnections, PostgresServers},
    query::Query,
    sqlite::SqliteConnections,
    tenant_share::{TenantShare, TenantShares},
};
use crate::reload::file::ReloadingFile;

/// How long a call waits for its tenant's share, and how long for a connection, before it is refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a connection is used, in seconds: at most ten minutes. The random part prevents all processes from reconnecting
/// at the same moment.
const LIFETIME_SECONDS: std::ops::RangeInclusive<u64> = 540..=600;

/// The database that contains the directory.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file. It is never created.
    Sqlite(PathBuf),
    /// PostgreSQL servers, of which one is the primary.
    Postgres(PostgresServers),
}

impl Database {
    /// Returns the SQL dialect of the database.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

/// The limits of the connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// The maximum number of connections, at least 1. Further calls wait for a connection within their deadline.
    pub max_connections: u32,
    /// The time limit of a query. The database enforces it itself.
    pub query: Duration,
}

/// The limits of a pool.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_connections: u32,
    pub(super) query: Duration,
    /// How long a call waits for a connection.
    pub(super) acquire: Duration,
    pub(super) lifetime: Duration,
}

/// Connections that are opened on first use. The pool reconnects automatically.
pub(super) struct Connections {
    pub(super) pool: Pool,
    shares: TenantShares,
}

pub(super) enum Pool {
    Sqlite(Box<SqliteConnections>),
    Postgres(Box<PostgresConnections>),
}

impl Connections {
    pub(super) fn new(
        database: &Database,
        schema: &str,
        password: Option<ReloadingFile<Password>>,
        limits: ConnectionLimits,
    ) -> Self {
        let limits = Limits {
            max_connections: limits.max_connections,
            query: limits.query,
            acquire: ACQUIRE_TIMEOUT,
            lifetime: Duration::from_secs(rand::rng().random_range(LIFETIME_SECONDS)),
        };
        let pool = match database {
            Database::Sqlite(path) => Pool::Sqlite(SqliteConnections::new(path, limits).into()),
            Database::Postgres(servers) => {
                Pool::Postgres(PostgresConnections::new(servers.clone(), schema, password, limits).into())
            }
        };
        Self { pool, shares: TenantShares::of(limits.max_connections as usize) }
    }

    /// Returns the number of connections in use and the number of idle ones.
    pub(super) fn count(&self) -> (u64, u64) {
        let (used, idle) = match &self.pool {
            Pool::Sqlite(connections) => connections.count(),
            Pool::Postgres(connections) => connections.count(),
        };
        (used as u64, idle as u64)
    }

    /// Runs a query for one tenant, within the tenant's share of the connections.
    pub(super) async fn fetch_for(&self, tenant: &str, query: Query) -> Result<Vec<Fact>, Failure> {
        let share = self.shares.acquire(tenant, ACQUIRE_TIMEOUT).await?;
        self.run(query, Some(share)).await
    }

    /// Runs a query for no single tenant.
    pub(super) async fn fetch(&self, query: Query) -> Result<Vec<Fact>, Failure> {
        self.run(query, None).await
    }

    async fn run(&self, query: Query, share: Option<TenantShare>) -> Result<Vec<Fact>, Failure> {
        match &self.pool {
            Pool::Sqlite(connections) => connections.fetch(query, share).await,
            Pool::Postgres(connections) => connections.fetch(query, share).await,
        }
    }
}
