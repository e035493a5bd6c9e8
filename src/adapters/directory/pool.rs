//! Connections to either database: read-only, bounded in number and in time, and mended by themselves.

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

/// How many queries run at once; a call waits for its turn inside its deadline.
const MAX_CONNECTIONS: u32 = 8;

/// How long a call waits for a connection before it is told that there is none.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How much longer than its query may run a server is waited for.
const GRACE: Duration = Duration::from_secs(1);

/// Which database the directory is in.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file, which is never created.
    Sqlite(PathBuf),
    /// A server.
    Postgres(PostgresServer),
}

impl Database {
    /// How its statements are written.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

/// Connections that are made when they are first needed.
pub(super) struct Connections {
    pub(super) pool: Pool,
    /// How long a server works on a query at most, whether or not anyone still waits for it.
    statement_limit: Duration,
    /// Ends with the connections.
    passwords: Option<JoinHandle<()>>,
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
                let pool = bounded(SqlitePoolOptions::new()).connect_lazy_with(options);
                Self { pool: Pool::Sqlite(pool), statement_limit, passwords: None }
            }
            Database::Postgres(server) => {
                let pool = postgres_pool(server, statement_limit);
                let passwords = password.map(|file| tokio::spawn(renew_password(pool.clone(), server.clone(), file)));
                Self { pool: Pool::Postgres(pool), statement_limit, passwords }
            }
        }
    }

    /// How many are in use, and how many are idle.
    pub(super) fn count(&self) -> (u64, u64) {
        let (all, idle) = match &self.pool {
            Pool::Sqlite(pool) => (pool.size(), pool.num_idle()),
            Pool::Postgres(pool) => (pool.size(), pool.num_idle()),
        };
        (u64::from(all).saturating_sub(idle as u64), idle as u64)
    }

    pub(super) async fn facts(&self, query: Arc<str>, ids: &[&str]) -> Result<Vec<Fact>, sqlx::Error> {
        match &self.pool {
            Pool::Sqlite(pool) => facts(pool, query, ids, self.statement_limit + GRACE).await,
            Pool::Postgres(pool) => facts(pool, query, ids, self.statement_limit + GRACE).await,
        }
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        if let Some(task) = &self.passwords {
            task.abort();
        }
    }
}

fn bounded<DB: Driver>(options: PoolOptions<DB>) -> PoolOptions<DB> {
    options.max_connections(MAX_CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT)
}

fn postgres_pool(server: &PostgresServer, statement_limit: Duration) -> PgPool {
    // Set after connecting, and not asked for while connecting, so that no variable and no role's default wins over it.
    let session: Arc<str> =
        format!("SET default_transaction_read_only = on; SET statement_timeout = {}", statement_limit.as_millis())
            .into();
    bounded(PgPoolOptions::new())
        .after_connect(move |connection, _| {
            let session = Arc::clone(&session);
            Box::pin(async move { sqlx::raw_sql(AssertSqlSafe(session)).execute(connection).await.map(drop) })
        })
        .connect_lazy_with(server.options(server.password.as_ref()))
}

/// New connections use the password that the file holds now; those that are open stay.
async fn renew_password(pool: PgPool, server: PostgresServer, file: ReloadingFile<Password>) {
    let mut changes = file.changes();
    loop {
        let password = changes.borrow_and_update().clone();
        pool.set_connect_options(server.options(password.as_deref()));
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Goes on when the call gives up, for a connection in the middle of an answer is of no use to the next call. A server that
/// is gone without a word never answers: after `limit` its connection is dropped, and not closed in good order, which would
/// wait for it, too.
async fn facts<DB: Driver>(
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
    // The text is ours, or an operator's who owns the database; what a caller sends is bound.
    let query = sqlx::query(AssertSqlSafe(query));
    let query = ids.iter().fold(query, |query, id| query.bind((*id).to_owned()));
    let answer = tokio::spawn(async move {
        let Ok(rows) = timeout(limit, query.fetch_all(&mut *connection)).await else {
            drop(connection.detach());
            return Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
        };
        // What dropping it does as well, but without an end.
        tokio::spawn(timeout(GRACE, connection.return_to_pool()));
        Ok(rows?.iter().map(Fact::of).collect())
    });
    answer.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}
