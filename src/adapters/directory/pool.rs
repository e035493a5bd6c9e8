//! Connections to either database: read-only, limited in number and in time. The pool reconnects automatically.

use std::{path::PathBuf, sync::Arc, time::Duration};

use sqlx::{
    AssertSqlSafe, ColumnIndex, Database as Driver, Decode, Encode, Executor, IntoArguments, PgPool, SqlitePool, Type,
    pool::PoolOptions,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tokio::{task::JoinHandle, time::timeout};

use super::{Dialect, Password, PostgresServer, facts::Fact};
use crate::reload::file::ReloadingFile;

/// The maximum number of concurrent queries. Further calls wait for a connection within their deadline.
pub(crate) const MAX_CONNECTIONS: u32 = 8;

/// How long a call waits for a connection before it is refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the service waits for the database beyond the statement limit.
const GRACE: Duration = Duration::from_secs(1);

/// The database that contains the directory.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file. It is never created.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(PostgresServer),
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

/// A pool that connects on first use.
pub(super) struct Connections {
    pub(super) pool: Pool,
    /// The time limit of a query, whether or not a call still waits for it. PostgreSQL enforces it itself.
    statement_limit: Duration,
    /// Applies new passwords; aborted when the pool is dropped.
    password_task: Option<JoinHandle<()>>,
}

pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Connections {
    pub(super) fn new(
        database: &Database,
        password: Option<ReloadingFile<Password>>,
        statement_limit: Duration,
    ) -> Self {
        match database {
            Database::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path).read_only(true).create_if_missing(false);
                let pool = with_limits(SqlitePoolOptions::new()).connect_lazy_with(options);
                Self { pool: Pool::Sqlite(pool), statement_limit, password_task: None }
            }
            Database::Postgres(server) => {
                let pool = postgres_pool(server, statement_limit);
                let password_task =
                    password.map(|file| tokio::spawn(apply_new_passwords(pool.clone(), server.clone(), file)));
                Self { pool: Pool::Postgres(pool), statement_limit, password_task }
            }
        }
    }

    /// Returns the number of connections in use and the number of idle ones.
    pub(super) fn count(&self) -> (u64, u64) {
        let (all, idle) = match &self.pool {
            Pool::Sqlite(pool) => (pool.size(), pool.num_idle()),
            Pool::Postgres(pool) => (pool.size(), pool.num_idle()),
        };
        (u64::from(all).saturating_sub(idle as u64), idle as u64)
    }

    pub(super) async fn fetch(&self, query: Arc<str>, ids: &[&str]) -> Result<Vec<Fact>, sqlx::Error> {
        match &self.pool {
            Pool::Sqlite(pool) => fetch(pool, query, ids, self.statement_limit + GRACE).await,
            Pool::Postgres(pool) => fetch(pool, query, ids, self.statement_limit + GRACE).await,
        }
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        if let Some(task) = &self.password_task {
            task.abort();
        }
    }
}

fn with_limits<DB: Driver>(options: PoolOptions<DB>) -> PoolOptions<DB> {
    options.max_connections(MAX_CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT)
}

fn postgres_pool(server: &PostgresServer, statement_limit: Duration) -> PgPool {
    // Set after connecting, not in the connection options, so that no environment variable or role default overrides
    // it.
    let session: Arc<str> =
        format!("SET default_transaction_read_only = on; SET statement_timeout = {}", statement_limit.as_millis())
            .into();
    with_limits(PgPoolOptions::new())
        .after_connect(move |connection, _| {
            let session = Arc::clone(&session);
            Box::pin(async move { sqlx::raw_sql(AssertSqlSafe(session)).execute(connection).await.map(drop) })
        })
        .connect_lazy_with(server.options(server.password.as_ref()))
}

/// Makes new connections use each new password in the file. Open connections are kept.
async fn apply_new_passwords(pool: PgPool, server: PostgresServer, file: ReloadingFile<Password>) {
    let mut changes = file.changes();
    loop {
        let password = changes.borrow_and_update().clone();
        pool.set_connect_options(server.options(password.as_deref()));
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Runs the query in its own task. The task continues if the call is cancelled, because the next call cannot use a
/// connection in the middle of a result. A server that has disappeared never responds, so after `limit` its connection
/// is dropped without a graceful close, which would also wait for the server.
async fn fetch<DB: Driver>(
    pool: &sqlx::Pool<DB>,
    query: Arc<str>,
    ids: &[&str],
    limit: Duration,
) -> Result<Vec<Fact>, sqlx::Error>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'a> &'a str: ColumnIndex<DB::Row>,
    for<'a> String: Encode<'a, DB> + Decode<'a, DB> + Type<DB>,
    DB::Arguments: IntoArguments<DB>,
{
    let mut connection = pool.acquire().await?;
    // The SQL comes from this service, or from the operator who owns the database. Values from callers are bound.
    let query = sqlx::query(AssertSqlSafe(query));
    let query = ids.iter().fold(query, |query, id| query.bind((*id).to_owned()));
    let task = tokio::spawn(async move {
        let Ok(rows) = timeout(limit, query.fetch_all(&mut *connection)).await else {
            drop(connection.detach());
            return Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
        };
        // Dropping the connection would also return it, but without a time limit.
        tokio::spawn(timeout(GRACE, connection.return_to_pool()));
        Ok(rows?.iter().map(Fact::from_row).collect())
    });
    task.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}
