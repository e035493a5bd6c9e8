//! Which of several servers is the primary, and the connections to each.

use std::sync::{Arc, Mutex, PoisonError, atomic::AtomicBool};

use sqlx::{Connection as _, PgConnection, PgPool, Row as _};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::{server::Address, session::Session};
use crate::{
    adapters::directory::{
        failure::{Failure, FailureKind, GRACE},
        idle::{IdleConnections, Open},
    },
    portal::Refusal,
};

/// Where a connection comes from.
#[derive(Clone, Copy)]
pub(super) enum Connected {
    New,
    /// It was idle, so it may have been closed.
    Reused,
}

/// A server, with connections that are opened on first use.
pub(super) struct Server {
    pub(super) address: Address,
    /// Opens connections, and repeats an attempt while the server starts.
    pub(super) connector: PgPool,
    pub(super) idle: Arc<IdleConnections<Session>>,
    /// Whether a pooler has been noticed.
    pub(super) is_pooled: Arc<AtomicBool>,
    /// One connection that cancels the queries of callers who are gone, while the queries use up the others.
    pub(super) cancellation: PgPool,
    /// Held while the server is asked whether it is the primary. Of many calls, one asks and the others use the answer.
    pub(super) asking: tokio::sync::Mutex<()>,
}

impl Server {
    /// Returns an idle connection or a new one. What waits for the server has its own task, because the driver panics if a
    /// message is malformed.
    pub(super) async fn connect(&self) -> Result<(Open<Session>, Connected), Failure> {
        let mut found = match self.idle.take() {
            Some((open, true)) => return Ok((open, Connected::Reused)),
            found => found,
        };
        let (connector, idle) = (self.connector.clone(), Arc::clone(&self.idle));
        let connecting = tokio::spawn(async move {
            while let Some((mut open, _)) = found {
                if open.connection.connection.ping().await.is_ok() {
                    return Ok((open, Connected::Reused));
                }
                found = idle.take();
            }
            let session = Session::new(connector.acquire().await?.detach());
            Ok::<_, sqlx::Error>((Open::new(session), Connected::New))
        });
        Ok(AbortOnDropHandle::new(connecting).await??)
    }

    /// Asks the server whether it is the primary, over a connection of its own: the pool would repeat an attempt that the server
    /// refuses until the time is up, and then not know why.
    pub(super) async fn ask(&self) -> Result<(), Failure> {
        let options = self.connector.connect_options();
        let answer = tokio::spawn(async move {
            let mut connection = PgConnection::connect_with(&options).await?;
            let row = sqlx::raw_sql("SELECT pg_catalog.pg_is_in_recovery()").fetch_one(&mut connection).await?;
            drop(timeout(GRACE, connection.close()).await);
            row.try_get::<bool, _>(0)
        });
        let is_standby = AbortOnDropHandle::new(answer).await??;
        if is_standby { Err(FailureKind::Standby.into()) } else { Ok(()) }
    }
}

/// Which of several servers was the primary when it was last used. Logs each change.
#[derive(Default)]
pub(super) struct Primary(Mutex<State>);

#[derive(Default)]
struct State {
    current: Option<Address>,
    /// The server that was logged last as the one in use.
    logged: Option<Address>,
    /// The servers that were logged as not usable, with the kind of the failure.
    refused: Vec<(Address, &'static str)>,
}

impl Primary {
    /// Returns the servers in the order in which they are tried: the one that is known to be the primary first.
    pub(super) fn order<'a>(&self, servers: &'a [Server]) -> Vec<&'a Server> {
        let current = self.with(|state| state.current.clone());
        let (mut first, others): (Vec<_>, Vec<_>) =
            servers.iter().partition(|server| Some(&server.address) == current.as_ref());
        first.extend(others);
        first
    }

    /// Returns whether the server was the primary when it was last used.
    pub(super) fn is(&self, server: &Server) -> bool {
        self.with(|state| state.current.as_ref() == Some(&server.address))
    }

    /// Records that the server has answered as the primary.
    pub(super) fn found(&self, server: &Server) {
        self.with(|state| {
            state.current = Some(server.address.clone());
            state.refused.retain(|(address, _)| *address != server.address);
            if state.logged.as_ref() != Some(&server.address) {
                tracing::info!(address = %server.address, "database server is used");
                state.logged.clone_from(&state.current);
            }
        });
    }

    /// Records that one of several servers cannot be used or is not the primary. Returns the kind, the address and the cause.
    pub(super) fn refused(&self, server: &Server, failure: Failure) -> (FailureKind, String, String) {
        let failed = failure.kind.clone();
        let (kind, cause) = (failed.as_str(), Refusal::from(failure).to_string());
        self.lost(server);
        self.with(|state| {
            if !state.refused.contains(&(server.address.clone(), kind)) {
                tracing::warn!(address = %server.address, kind, cause, "database server is not used");
                state.refused.retain(|(address, _)| *address != server.address);
                state.refused.push((server.address.clone(), kind));
            }
        });
        (failed, server.address.to_string(), cause)
    }

    /// Records that the server is no longer known to be the primary, so that every server is asked.
    pub(super) fn lost(&self, server: &Server) {
        self.with(|state| state.current = state.current.take().filter(|address| *address != server.address));
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
