//! Connections to PostgreSQL.
//!
//! Behind a pooler, a session belongs to others as well. Each query is therefore one message with a transaction of its own,
//! which sets what it needs and is rolled back. Nothing is set or prepared for the session.

mod primary;
mod server;
mod transaction;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::RngExt as _;
use sqlx::{
    Postgres,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use primary::{Primary, Server};
pub use server::{Address, Host, Password, PasswordError, PostgresServers};
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

/// Connections to the primary, which is one of the servers.
pub(in crate::adapters::directory) struct PostgresConnections {
    servers: Vec<Server>,
    primary: Primary,
    /// As many as there may be queries, whatever the server. A call that waits for a free connection waits here, so that a busy
    /// server is not mistaken for one that does not respond.
    free: Arc<Semaphore>,
    /// How long a call waits for a free connection and for the servers together.
    acquire_timeout: Duration,
    settings: PostgresServers,
    password: Option<ReloadingFile<Password>>,
    /// The password that the pools use for new connections.
    applied_password: Mutex<Option<Arc<Password>>>,
    /// The schemas in which names in SELECT files are looked up.
    search_path: Arc<str>,
    query_limit: Duration,
}

impl PostgresConnections {
    pub(in crate::adapters::directory) fn new(
        settings: PostgresServers,
        schema: &str,
        password: Option<ReloadingFile<Password>>,
        acquire_timeout: Duration,
        limits: ConnectionLimits,
    ) -> Self {
        let applied = password.as_ref().and_then(ReloadingFile::get);
        let lifetime = Duration::from_secs(rand::rng().random_range(LIFETIME_SECONDS));
        let pool = |max_connections, timeout, options: &PgConnectOptions| {
            PgPoolOptions::new()
                .max_connections(max_connections)
                .acquire_timeout(timeout)
                .max_lifetime(lifetime)
                .connect_lazy_with(options.clone())
        };
        let server = |address| {
            let options = settings.options(address, applied.as_deref().or(settings.password.as_ref()));
            Server {
                address: address.clone(),
                pool: pool(limits.max_connections, acquire_timeout, &options),
                cancellation: pool(1, GRACE, &options),
                asking: tokio::sync::Mutex::default(),
            }
        };
        Self {
            servers: settings.addresses.iter().map(server).collect(),
            primary: Primary::default(),
            free: Arc::new(Semaphore::new(limits.max_connections as usize)),
            acquire_timeout,
            settings,
            password,
            applied_password: Mutex::new(applied),
            // The temporary schema comes last. By default it comes first, and a pooler's session may contain tables of others.
            search_path: format!("pg_catalog, {}, pg_temp", quoted(schema)).into(),
            query_limit: limits.query,
        }
    }

    /// Returns the number of connections, and how many of them are idle.
    pub(in crate::adapters::directory) fn count(&self) -> (u32, usize) {
        let pools = || self.servers.iter().map(|server| &server.pool);
        (pools().map(|pool| pool.size()).sum(), pools().map(|pool| pool.num_idle()).sum())
    }

    /// Runs the query on the primary, in its own task, which ends only when the connection can be used again or is closed. If the
    /// future is dropped, because the caller has disconnected, the server is asked to cancel the query.
    pub(in crate::adapters::directory) async fn fetch(
        &self,
        query: Query,
        share: Option<TenantShare>,
    ) -> Result<Vec<Fact>, Failure> {
        let deadline = Instant::now() + self.acquire_timeout;
        let free = timeout_at(deadline, Arc::clone(&self.free).acquire_owned()).await;
        let free = free.map_err(|_| FailureKind::NoConnection)?;
        let (server, connection) = self.acquire(deadline).await?;
        let caller_gone = CancellationToken::new();
        let _cancel_on_drop = caller_gone.clone().drop_guard();
        let transaction = Transaction {
            search_path: Arc::clone(&self.search_path),
            limit: self.query_limit,
            query: query.text,
            cancellation: server.cancellation.clone(),
        };
        let task = tokio::spawn(async move {
            let _held = (share, free);
            transaction.run(connection, caller_gone).await
        });
        let outcome = task.await?;
        if matches!(outcome, Err(Failure { kind: FailureKind::Standby, .. })) {
            self.primary.lost(server);
        }
        outcome
    }

    /// Returns a connection. If a server refuses the password, the file is read again, because the password may have been
    /// changed a moment ago.
    async fn acquire(&self, deadline: Instant) -> Result<(&Server, PoolConnection<Postgres>), Failure> {
        let refused = self.apply_password();
        let failure = match self.connect(deadline).await {
            Err(failure) if failure.kind == FailureKind::Login => failure,
            other => return other,
        };
        if let Some(file) = &self.password {
            file.refresh().await;
        }
        // Compared with the password of this attempt: another call may have applied the new one in the meantime.
        let has_changed = self.apply_password() != refused;
        if has_changed { self.connect(Instant::now() + self.acquire_timeout).await } else { Err(failure) }
    }

    /// Connects to the primary. Each server has an equal share of the time that the servers before it have left.
    async fn connect(&self, deadline: Instant) -> Result<(&Server, PoolConnection<Postgres>), Failure> {
        let mut refused = Vec::new();
        for (tried, server) in self.primary.order(&self.servers).into_iter().enumerate() {
            let remaining = u32::try_from(self.servers.len() - tried).unwrap_or(u32::MAX);
            let share = deadline.saturating_duration_since(Instant::now()) / remaining;
            let limit = self.settings.connect_timeout.map_or(share, |limit| share.min(limit));
            let outcome = timeout(limit, self.connect_to(server)).await;
            match outcome.unwrap_or_else(|_| Err(FailureKind::NoConnection.into())) {
                Ok(connection) => return Ok((server, connection)),
                Err(failure) if self.servers.len() == 1 => return Err(failure),
                Err(failure) => refused.push(self.primary.refused(server, failure)),
            }
        }
        Err(Failure::of_servers(refused))
    }

    /// Connects to one of the servers. If it is not known to be the primary, it is asked first, so that a call does not fail
    /// because of a standby. A server that is the only one is not asked: its answer to the query is sufficient.
    async fn connect_to(&self, server: &Server) -> Result<PoolConnection<Postgres>, Failure> {
        if self.servers.len() > 1 && !self.primary.is(server) {
            let _asking = server.asking.lock().await;
            if !self.primary.is(server) {
                server.ask().await?;
                self.primary.found(server);
            }
        }
        server.connect().await
    }

    /// Makes new connections use the password in the file, and returns it. Open connections are kept.
    fn apply_password(&self) -> Option<Arc<Password>> {
        let current = self.password.as_ref().and_then(ReloadingFile::get);
        let mut applied = self.applied_password.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_some() && *applied != current {
            for server in &self.servers {
                let options = self.settings.options(&server.address, current.as_deref());
                server.pool.set_connect_options(options.clone());
                server.cancellation.set_connect_options(options);
            }
            applied.clone_from(&current);
        }
        current
    }
}
