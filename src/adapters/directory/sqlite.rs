//! The embedded directory: a SQLite file, opened read-only.

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{
    connections::Limits,
    facts::{Cell, Fact, Value},
    failure::{Failure, FailureKind, GRACE},
    idle::{IdleConnections, Open},
    query::Query,
    tenant_share::TenantShare,
};

/// A pool that opens the file on first use.
pub(super) struct SqliteConnections {
    options: SqliteConnectOptions,
    max_connections: usize,
    /// As many as there may be queries.
    free: Arc<Semaphore>,
    idle: Arc<IdleConnections<SqliteConnection>>,
    acquire_timeout: Duration,
    /// The time limit of a query, whether or not a call still waits for it.
    query_limit: Duration,
}

impl SqliteConnections {
    pub(super) fn new(path: &Path, limits: Limits) -> Self {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).create_if_missing(false);
        // A slow directory would otherwise add the text of the query to the log for each call.
        let options = options.disable_statement_logging();
        let max_connections = limits.max_connections as usize;
        Self {
            options,
            max_connections,
            free: Arc::new(Semaphore::new(max_connections)),
            idle: Arc::new(IdleConnections::new(limits.lifetime)),
            acquire_timeout: limits.acquire,
            query_limit: limits.query,
        }
    }

    /// Returns the number of connections in use and the number of idle ones.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.max_connections.saturating_sub(self.free.available_permits()), self.idle.count())
    }

    /// Waits for a free connection, or opens one. A file needs no test.
    pub(super) async fn acquire(&self) -> Result<(Open<SqliteConnection>, OwnedSemaphorePermit), Failure> {
        let acquire = async {
            let free = Arc::clone(&self.free).acquire_owned().await.map_err(|_| FailureKind::NoConnection)?;
            let open = match self.idle.take() {
                Some((open, _)) => open,
                None => Open::new(self.options.connect().await?),
            };
            Ok((open, free))
        };
        timeout(self.acquire_timeout, acquire).await.unwrap_or_else(|_| Err(FailureKind::NoConnection.into()))
    }

    /// Runs the query in its own task, which continues if the call is cancelled: the next call cannot use a connection in
    /// the middle of a result.
    pub(super) async fn fetch(&self, query: Query, share: Option<TenantShare>) -> Result<Vec<Fact>, Failure> {
        let (mut open, free) = self.acquire().await?;
        let (limit, idle) = (self.query_limit + GRACE, Arc::clone(&self.idle));
        let task = tokio::spawn(async move {
            let _held = (share, free);
            let text = sqlx::query(AssertSqlSafe(query.text()));
            let query = query.values.into_iter().fold(text, |query, value| match value {
                Value::Text(text) => query.bind(text),
                Value::Bytes(bytes) => query.bind(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())),
            });
            let rows = timeout(limit, query.fetch_all(&mut open.connection)).await?;
            idle.put(open);
            rows?.iter().map(fact).collect()
        });
        task.await?
    }
}

fn fact(row: &SqliteRow) -> Result<Fact, Failure> {
    let cell = |column: &'static str| match row.try_get::<Option<String>, _>(column) {
        Ok(None) => Cell::Null,
        Ok(Some(text)) => Cell::Text(text),
        Err(_) => Cell::NotText(Vec::new()),
    };
    Ok(Fact::read(row.try_get("fact")?, cell))
}
