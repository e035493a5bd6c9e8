//! The embedded directory: a SQLite file, opened read-only.

use std::{path::Path, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Row as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow},
};
use tokio::time::timeout;

use super::{
    facts::{Cell, Fact, Value},
    failure::{Failure, FailureKind, GRACE},
    query::Query,
    tenant_share::TenantShare,
};

/// A pool that opens the file on first use.
pub(super) struct SqliteConnections {
    pub(super) pool: SqlitePool,
    /// The time limit of a query, whether or not a call still waits for it.
    query_limit: Duration,
}

impl SqliteConnections {
    pub(super) fn new(path: &Path, max_connections: u32, acquire_timeout: Duration, query_limit: Duration) -> Self {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).create_if_missing(false);
        // A slow directory would otherwise add the text of the query to the log for each call.
        let options = options.disable_statement_logging();
        let pool = SqlitePoolOptions::new().max_connections(max_connections).acquire_timeout(acquire_timeout);
        Self { pool: pool.connect_lazy_with(options), query_limit }
    }

    /// Runs the query in its own task, which continues if the call is cancelled: the next call cannot use a connection in
    /// the middle of a result.
    pub(super) async fn fetch(&self, query: Query, share: Option<TenantShare>) -> Result<Vec<Fact>, Failure> {
        let mut connection = self.pool.acquire().await?;
        let limit = self.query_limit + GRACE;
        let task = tokio::spawn(async move {
            let _share = share;
            let text = sqlx::query(AssertSqlSafe(query.text));
            let query = query.values.into_iter().fold(text, |query, value| match value {
                Value::Text(text) => query.bind(text),
                Value::Bytes(bytes) => query.bind(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())),
            });
            let Ok(rows) = timeout(limit, query.fetch_all(&mut *connection)).await else {
                drop(connection.detach());
                return Err(FailureKind::Timeout.into());
            };
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
