//! What is logged and counted of connections that are refused, or that end others: not a line for each one, because anyone can
//! cause them.

use std::net::SocketAddr;

use super::{
    not_established::NotEstablished,
    per_minute::{INTERVAL, PerMinute},
};
use crate::telemetry::metrics::METRICS;

/// The kind of the connections that are refused because all others are in use.
const LIMIT: &str = "limit";

/// What happened to the connections of a listener since the last log lines.
pub(super) struct Refused {
    /// The name of the maximum number of connections.
    limit: &'static str,
    not_established: PerMinute<NotEstablishedSince>,
    at_limit: PerMinute<AtLimit>,
}

/// Connections that were closed before HTTP/2, for one kind of cause.
#[derive(Default)]
struct NotEstablishedSince {
    /// The peer and the cause of the latest one.
    latest: Option<(SocketAddr, NotEstablished)>,
    count: u64,
}

/// Connections that arrived while the maximum number was open.
#[derive(Default)]
struct AtLimit {
    /// Those that replaced another one.
    evicted: u64,
    refused: u64,
}

impl Refused {
    pub(super) fn new(limit: &'static str) -> Self {
        Self { limit, not_established: PerMinute::new(INTERVAL), at_limit: PerMinute::new(INTERVAL) }
    }

    /// Counts a connection that was closed before HTTP/2.
    pub(super) fn not_established(&self, peer: SocketAddr, cause: NotEstablished) {
        tracing::debug!(%peer, %cause, "connection closed before HTTP/2");
        let Some(kind) = cause.kind() else { return };
        METRICS.connection_refused(kind);
        let add = |since: &mut NotEstablishedSince| {
            *since = NotEstablishedSince { latest: Some((peer, cause)), count: since.count + 1 };
        };
        if let Some(first) = self.not_established.add(kind, add) {
            first.log(kind);
        }
    }

    /// Counts a connection that arrived while the maximum number was open.
    pub(super) fn at_limit(&self, evicted_another: bool) {
        if !evicted_another {
            METRICS.connection_refused(LIMIT);
        }
        let add = |since: &mut AtLimit| {
            since.evicted += u64::from(evicted_another);
            since.refused += u64::from(!evicted_another);
        };
        if let Some(first) = self.at_limit.add(self.limit, add) {
            first.log(self.limit);
        }
    }

    /// Logs what follows the first connection of each kind, until it is dropped.
    pub(super) async fn log_repeatedly(&self) {
        loop {
            tokio::select! {
                due = self.not_established.next() => due.iter().for_each(|(kind, since)| since.log(kind)),
                due = self.at_limit.next() => due.iter().for_each(|(limit, since)| since.log(limit)),
            }
        }
    }

    /// Logs what is not logged yet.
    pub(super) fn log_rest(&self) {
        self.not_established.rest().iter().for_each(|(kind, since)| since.log(kind));
        self.at_limit.rest().iter().for_each(|(limit, since)| since.log(limit));
    }
}

impl NotEstablishedSince {
    fn log(&self, kind: &str) {
        if let Some((peer, cause)) = &self.latest {
            tracing::warn!(kind, %peer, %cause, count = self.count, "connections refused before HTTP/2");
        }
    }
}

impl AtLimit {
    fn log(&self, limit: &str) {
        tracing::warn!(evicted = self.evicted, refused = self.refused, "{limit} is reached");
    }
}
