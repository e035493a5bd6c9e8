//! Connections to PostgreSQL.
//!
//! Behind a pooler, a session belongs to others as well. Each query is therefore one message with a transaction of its own,
//! which sets what it needs and is rolled back. Nothing is set for the session. The query of a call is prepared if the session
//! seems to belong to the connection alone, under a name that no other session has.

mod primary;
mod server;
mod session;
mod transaction;

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use primary::{Connected, Primary, Server};
pub use server::{Address, Host, Password, PasswordError, PostgresServers};
use session::Session;
use transaction::{Lease, Transaction};

use super::{
    connections::Limits,
    dialect::quoted,
    facts::Fact,
    failure::{Failure, FailureKind, GRACE},
    idle::{IdleConnections, Open},
    query::Query,
    tenant_share::TenantShare,
};
use crate::reload::file::ReloadingFile;

/// Connections to the primary, which is one of the servers.
pub(in crate::adapters::directory) struct PostgresConnections {
    servers: Vec<Server>,
    primary: Primary,
    /// As many as there may be queries, whatever the server. A call that waits for a free connection waits here, so that a busy
    /// server is not mistaken for one that does not respond.
    free: Arc<Semaphore>,
    /// How long a call waits for a free connection and for the servers together.
    limits: Limits,
    settings: PostgresServers,
    password: Option<ReloadingFile<Password>>,
    /// The password that the pools use for new connections.
    applied_password: Mutex<Option<Arc<Password>>>,
    /// The schemas in which names in SELECT files are looked up.
    search_path: Arc<str>,
}

impl PostgresConnections {
    pub(in crate::adapters::directory) fn new(
        settings: PostgresServers,
        schema: &str,
        password: Option<ReloadingFile<Password>>,
        limits: Limits,
    ) -> Self {
        let applied = password.as_ref().and_then(ReloadingFile::get);
        let pool = |max_connections, timeout, options: &PgConnectOptions| {
            PgPoolOptions::new()
                .max_connections(max_connections)
                .acquire_timeout(timeout)
                .max_lifetime(limits.lifetime)
                .connect_lazy_with(options.clone())
        };
        let server = |address| {
            let options = settings.options(address, applied.as_deref().or(settings.password.as_ref()));
            Server {
                address: address.clone(),
                connector: pool(limits.max_connections, limits.acquire, &options),
                idle: Arc::new(IdleConnections::new(limits.lifetime)),
                is_pooled: Arc::default(),
                cancellation: pool(1, GRACE, &options),
                asking: tokio::sync::Mutex::default(),
            }
        };
        Self {
            servers: settings.addresses.iter().map(server).collect(),
            primary: Primary::default(),
            free: Arc::new(Semaphore::new(limits.max_connections as usize)),
            limits,
            settings,
            password,
            applied_password: Mutex::new(applied),
            // The temporary schema comes last. By default it comes first, and a pooler's session may contain tables of others.
            search_path: format!("pg_catalog, {}, pg_temp", quoted(schema)).into(),
        }
    }

    /// Returns the number of connections in use and the number of idle ones.
    pub(in crate::adapters::directory) fn count(&self) -> (usize, usize) {
        let used = (self.limits.max_connections as usize).saturating_sub(self.free.available_permits());
        (used, self.servers.iter().map(|server| server.idle.count()).sum())
    }

    /// Runs the query on the primary. If a connection that was already open has been closed in the meantime, as by a restart of
    /// the server, or a pooler has given the message to another session, the query is repeated once.
    pub(in crate::adapters::directory) async fn fetch(
        &self,
        query: Query,
        share: Option<TenantShare>,
    ) -> Result<Vec<Fact>, Failure> {
        let (query, share) = (Arc::new(query), Arc::new(share));
        match self.attempt(&query, &share).await {
            (Err(Failure { kind: FailureKind::Connection, .. }), Connected::Reused) => {
                self.attempt(&query, &share).await.0
            }
            (outcome, _) => outcome,
        }
    }

    async fn attempt(
        &self,
        query: &Arc<Query>,
        share: &Arc<Option<TenantShare>>,
    ) -> (Result<Vec<Fact>, Failure>, Connected) {
        let deadline = Instant::now() + self.limits.acquire;
        let acquired = async {
            let free = timeout_at(deadline, Arc::clone(&self.free).acquire_owned()).await;
            let free = free.ok().and_then(Result::ok).ok_or(FailureKind::NoConnection)?;
            let (server, open, connected) = self.acquire(deadline).await?;
            let lease = Lease {
                open,
                idle: Arc::clone(&server.idle),
                is_pooled: Arc::clone(&server.is_pooled),
                free,
                share: Arc::clone(share),
            };
            Ok((server, lease, connected))
        };
        match acquired.await {
            Ok((server, lease, connected)) => (self.run(query, server, lease).await, connected),
            Err(failure) => (Err(failure), Connected::New),
        }
    }

    /// Runs the query in its own task, which ends only when the connection can be used again or is closed. If the future is
    /// dropped, because the caller has disconnected, the server is asked to cancel the query.
    async fn run(&self, query: &Arc<Query>, server: &Server, lease: Lease) -> Result<Vec<Fact>, Failure> {
        let caller_gone = CancellationToken::new();
        let _cancel_on_drop = caller_gone.clone().drop_guard();
        let transaction = Transaction {
            search_path: Arc::clone(&self.search_path),
            limit: self.limits.query,
            query: Arc::clone(query),
            cancellation: server.cancellation.clone(),
        };
        let outcome = tokio::spawn(transaction.run(lease, caller_gone)).await?;
        if matches!(outcome, Err(Failure { kind: FailureKind::Standby, .. })) {
            self.primary.lost(server);
        }
        outcome
    }

    /// Returns a connection. If a server refuses the password, the file is read again, because the password may have been
    /// changed a moment ago.
    async fn acquire(&self, deadline: Instant) -> Result<(&Server, Open<Session>, Connected), Failure> {
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
        if has_changed { self.connect(Instant::now() + self.limits.acquire).await } else { Err(failure) }
    }

    /// Connects to the primary. Each server has an equal share of the time that the servers before it have left.
    async fn connect(&self, deadline: Instant) -> Result<(&Server, Open<Session>, Connected), Failure> {
        let mut refused = Vec::new();
        for (tried, server) in self.primary.order(&self.servers).into_iter().enumerate() {
            let remaining = u32::try_from(self.servers.len() - tried).unwrap_or(u32::MAX);
            let share = deadline.saturating_duration_since(Instant::now()) / remaining;
            let limit = self.settings.connect_timeout.map_or(share, |limit| share.min(limit));
            let outcome = timeout(limit, self.connect_to(server)).await;
            match outcome.unwrap_or_else(|_| Err(FailureKind::NoConnection.into())) {
                Ok((open, connected)) => return Ok((server, open, connected)),
                Err(failure) if self.servers.len() == 1 => return Err(failure),
                Err(failure) => refused.push(self.primary.refused(server, failure)),
            }
        }
        Err(Failure::of_servers(refused))
    }

    /// Connects to one of the servers. If it is not known to be the primary, it is asked first, so that a call does not fail
    /// because of a standby. A server that is the only one is not asked: its answer to the query is sufficient.
    async fn connect_to(&self, server: &Server) -> Result<(Open<Session>, Connected), Failure> {
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
                server.connector.set_connect_options(options.clone());
                server.cancellation.set_connect_options(options);
            }
            applied.clone_from(&current);
        }
        current
    }
}
