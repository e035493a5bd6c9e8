//! What is logged of connections that are closed before HTTP/2: not each one, because anyone can cause them.

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::establish::NotEstablished;

/// The shortest time between two log lines.
const INTERVAL: Duration = Duration::from_secs(60);

/// What happened since the last log line.
#[derive(Default)]
pub(super) struct Refused(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    logged_at: Option<Instant>,
    count: u64,
}

impl Refused {
    /// Counts a connection, and logs from time to time the count and the latest cause.
    pub(super) fn log(&self, peer: SocketAddr, cause: &NotEstablished) {
        tracing::debug!(%peer, %cause, "connection closed before HTTP/2");
        if matches!(cause, NotEstablished::NoPreface) {
            return;
        }
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.count += 1;
        if counted.logged_at.is_none_or(|logged_at| logged_at.elapsed() >= INTERVAL) {
            tracing::warn!(%peer, %cause, count = counted.count, "connections refused before HTTP/2");
            *counted = Counted { logged_at: Some(Instant::now()), count: 0 };
        }
    }
}
