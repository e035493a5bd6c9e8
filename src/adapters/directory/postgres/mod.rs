//! Connections to PostgreSQL.
//!
//! Behind a pooler, a session belongs to others as well. Each query is therefore one message with a transaction of its own,
//! which sets what it needs and is rolled back. Nothing is set or prepared for the session.

mod server;
mod transaction;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::RngExt as _;
use sqlx::{
    PgPool, Postgres,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

pub use server::{Host, Password, PasswordError, PostgresServer};
use transaction::Transaction;

use super::{
    connections::ConnectionLimits,
    dialect::quoted,
    facts::Fact,
    failure::{Failure, FailureKind, GRACE},
    query::Query,
    tenant_share::TenantShare,
};
use crate::reload::file::ReloadingFile;

/// How long a connection is used, in seconds: at most ten minutes. The random part prevents all processes from reconnecting
/// at the same moment.
const LIFETIME_SECONDS: std::ops::RangeInclusive<u64> = 540..=600;

/// Two pools that connect on first use.
pub(in crate::adapters::directory) struct PostgresConnections {
    pub(in crate::adapters::directory) pool: PgPool,
    /// One connection that cancels the queries of callers who are gone, while the queries use up the pool.
    cancellation: PgPool,
    server: PostgresServer,
    password: Option<ReloadingFile<Password>>,
    /// The password that the pools use for new connections.
    applied_password: Mutex<Option<Arc<Password>>>,
    /// The schemas in which names in SELECT files are looked up.
    search_path: Arc<str>,
    query_limit: Duration,
}

impl PostgresConnections {
    pub(in crate::adapters::directory) fn new(
        server: PostgresServer,
        schema: &str,
        password: Option<ReloadingFile<Password>>,
        acquire_timeout: Duration,
        limits: ConnectionLimits,
    ) -> Self {
        let applied = password.as_ref().and_then(ReloadingFile::get);
        let options = server.options(applied.as_deref().or(server.password.as_ref()));
        let lifetime = Duration::from_secs(rand::rng().random_range(LIFETIME_SECONDS));
        let pool = |max_connections, timeout, options: &PgConnectOptions| {
            PgPoolOptions::new()
                .max_connections(max_connections)
                .acquire_timeout(timeout)
                .max_lifetime(lifetime)
                .connect_lazy_with(options.clone())
        };
        Self {
            pool: pool(limits.max_connections, acquire_timeout, &options),
            cancellation: pool(1, GRACE, &options),
            server,
            password,
            applied_password: Mutex::new(applied),
            // The temporary schema comes last. By default it comes first, and a pooler's session may contain tables of others.
            search_path: format!("pg_catalog, {}, pg_temp", quoted(schema)).into(),
            query_limit: limits.query,
        }
    }

    /// Runs the query in its own task, which ends only when the connection can be used again or is closed. If the future is
    /// dropped, because the caller has disconnected, the server is asked to cancel the query.
    pub(in crate::adapters::directory) async fn fetch(
        &self,
        query: Query,
        share: Option<TenantShare>,
    ) -> Result<Vec<Fact>, Failure> {
        let connection = self.acquire().await?;
        let caller_gone = CancellationToken::new();
        let _cancel_on_drop = caller_gone.clone().drop_guard();
        let transaction = Transaction {
            search_path: Arc::clone(&self.search_path),
            limit: self.query_limit,
            query: query.text,
            cancellation: self.cancellation.clone(),
        };
        let task = tokio::spawn(async move {
            let _share = share;
            transaction.run(connection, caller_gone).await
        });
        task.await?
    }

    /// Returns a connection. If the server refuses the password, the file is read again, because the password may have been
    /// changed a moment ago.
    async fn acquire(&self) -> Result<PoolConnection<Postgres>, Failure> {
        let refused = self.apply_password();
        let failure = match self.connect().await {
            Err(failure) if failure.kind == FailureKind::Login => failure,
            other => return other,
        };
        if let Some(file) = &self.password {
            file.refresh().await;
        }
        // Compared with the password of this attempt: another call may have applied the new one in the meantime.
        if self.apply_password() == refused { Err(failure) } else { self.connect().await }
    }

    /// In its own task, because the driver panics if the server's first messages are malformed.
    async fn connect(&self) -> Result<PoolConnection<Postgres>, Failure> {
        Ok(AbortOnDropHandle::new(tokio::spawn(self.pool.acquire())).await??)
    }

    /// Makes new connections use the password in the file, and returns it. Open connections are kept.
    fn apply_password(&self) -> Option<Arc<Password>> {
        let current = self.password.as_ref().and_then(ReloadingFile::get);
        let mut applied = self.applied_password.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_some() && *applied != current {
            let options = self.server.options(current.as_deref());
            self.pool.set_connect_options(options.clone());
            self.cancellation.set_connect_options(options);
            applied.clone_from(&current);
        }
        current
    }
}
