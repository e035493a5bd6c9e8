//! What is logged while the maximum number of connections is open: not each connection, because anyone can cause them.

use std::time::{Duration, Instant};

/// The shortest time between two log lines.
const INTERVAL: Duration = Duration::from_secs(60);

/// What happened since the last log line.
pub(super) struct AtLimit {
    /// The limit, for the log line.
    limit: &'static str,
    logged_at: Option<Instant>,
    evicted: u64,
    refused: u64,
}

impl AtLimit {
    pub(super) const fn new(limit: &'static str) -> Self {
        Self { limit, logged_at: None, evicted: 0, refused: 0 }
    }

    /// Counts a connection that arrived while the maximum number was open, and logs the counts from time to time.
    pub(super) fn log(&mut self, evicted_another: bool) {
        if evicted_another {
            self.evicted += 1;
        } else {
            self.refused += 1;
        }
        if self.logged_at.is_none_or(|logged_at| logged_at.elapsed() >= INTERVAL) {
            tracing::warn!(evicted = self.evicted, refused = self.refused, "{} is reached", self.limit);
            *self = Self { logged_at: Some(Instant::now()), ..Self::new(self.limit) };
        }
    }
}
