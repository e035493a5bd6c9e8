//! Connections between two queries. The pools of sqlx ask PostgreSQL before and after each query whether a connection still works,
//! which triples the round trips, so they only open connections here.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a connection that has answered is used again without a test. One that is lost without notice within this time
/// fails by the time limit of the query.
const TRUSTED: Duration = Duration::from_secs(1);

/// An open connection.
pub(super) struct Open<C> {
    pub(super) connection: C,
    since: Instant,
    answered: Instant,
}

impl<C> Open<C> {
    pub(super) fn new(connection: C) -> Self {
        let now = Instant::now();
        Self { connection, since: now, answered: now }
    }
}

/// The connections that are open and not in use.
pub(super) struct IdleConnections<C> {
    state: Mutex<State<C>>,
    /// How long a connection is used.
    lifetime: Duration,
}

struct State<C> {
    idle: Vec<Open<C>>,
    /// When a query failed or was abandoned. What concerned its connection may concern all others.
    failed: Option<Instant>,
}

impl<C> IdleConnections<C> {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self { state: Mutex::new(State { idle: Vec::new(), failed: None }), lifetime }
    }

    /// Takes the connection that was used last, so that the number of connections follows the load, and whether it needs no test.
    pub(super) fn take(&self) -> Option<(Open<C>, bool)> {
        self.with(|State { idle, failed }| {
            let open = idle.pop()?;
            let is_trusted = open.answered.elapsed() < TRUSTED && failed.is_none_or(|failed| failed < open.answered);
            Some((open, is_trusted))
        })
    }

    /// Puts a connection back that has answered.
    pub(super) fn put(&self, open: Open<C>) {
        self.with(|State { idle, .. }| idle.push(Open { answered: Instant::now(), ..open }));
    }

    /// Makes each connection need a test before it is used again.
    pub(super) fn distrust(&self) {
        self.with(|state| state.failed = Some(Instant::now()));
    }

    pub(super) fn count(&self) -> usize {
        self.with(|state| state.idle.len())
    }

    fn with<T>(&self, change: impl FnOnce(&mut State<C>) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let expired: Vec<_> = state.idle.extract_if(.., |open| open.since.elapsed() >= self.lifetime).collect();
        let changed = change(&mut state);
        drop(state);
        // Closing may wait for a disk.
        drop(expired);
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_connection_that_has_answered_since_the_last_failure_needs_no_test() {
        let idle = IdleConnections::new(Duration::from_secs(600));
        assert!(idle.take().is_none());
        idle.put(Open::new('a'));
        idle.put(Open::new('b'));
        let take = || idle.take().map(|(open, is_trusted)| (open.connection, is_trusted));
        assert_eq!(take(), Some(('b', true)));
        idle.distrust();
        assert_eq!(take(), Some(('a', false)));
        let long_ago = Instant::now().checked_sub(TRUSTED).unwrap();
        idle.with(|state| state.idle.push(Open { connection: 'c', since: long_ago, answered: long_ago }));
        assert_eq!(take(), Some(('c', false)));
        idle.put(Open::new('d'));
        assert_eq!((take(), take()), (Some(('d', true)), None));
    }

    #[test]
    fn connection_is_closed_at_the_end_of_its_lifetime() {
        let idle = IdleConnections::new(Duration::ZERO);
        idle.put(Open::new('a'));
        assert!(idle.take().is_none());
        assert_eq!(idle.count(), 0);
    }
}
