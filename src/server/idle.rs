//! The connections without an open stream, in the order in which they became idle. When a new connection needs a slot, the one
//! that has been idle longest is evicted.
//!
//! Anyone can open connections, and in the time between two calls of a client so many that its connection would be evicted: it
//! would lose the call that it is just sending. Therefore strangers, which are connections on which no call had a valid token,
//! are evicted first. If they are less than half of all connections, they are not, so that callers with many idle connections do
//! not keep new ones out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use crate::grpc::auth::interceptor::HadValidToken;

/// The idle connections of a listener.
#[derive(Clone)]
pub(super) struct IdleConnections(Arc<Mutex<Queue>>);

struct Queue {
    /// The number of idle strangers from which on they are evicted first.
    crowd: usize,
    /// The place of the next connection that becomes idle.
    next: u64,
    strangers: BTreeMap<u64, Idle>,
    callers: BTreeMap<u64, Idle>,
}

struct Idle {
    evicted: CancellationToken,
    slot: OwnedSemaphorePermit,
}

/// The open streams of a connection. A connection is idle from the start, before it has sent anything.
pub(super) struct OpenStreams {
    all: IdleConnections,
    evicted: CancellationToken,
    had_valid_token: HadValidToken,
    state: watch::Sender<State>,
}

struct State {
    open: usize,
    /// The place in the queue, while no stream is open.
    place: u64,
    /// What makes the connection one of `--max-connections`, while a stream is open; in the queue otherwise.
    slot: Option<OwnedSemaphorePermit>,
    /// Whether further streams are not counted.
    is_closing: bool,
}

/// An open stream, until it is dropped.
pub(super) struct OpenStream(Arc<OpenStreams>);

impl IdleConnections {
    /// The idle connections of at most `max_connections`.
    pub(super) fn new(max_connections: usize) -> Self {
        let (strangers, callers) = (BTreeMap::new(), BTreeMap::new());
        Self(Arc::new(Mutex::new(Queue { crowd: max_connections.div_ceil(2), next: 0, strangers, callers })))
    }

    /// Evicts the stranger or the connection that has been idle longest. Returns its slot, or `None` if no connection is idle.
    pub(super) fn evict(&self) -> Option<OwnedSemaphorePermit> {
        let mut queue = self.lock();
        let longest_idle = queue.longest_idle()?;
        // Under the lock, so that a stream that begins knows whether it came too late.
        longest_idle.evicted.cancel();
        Some(longest_idle.slot)
    }

    fn add(&self, connection: Idle, had_valid_token: &HadValidToken) -> u64 {
        let mut queue = self.lock();
        let place = queue.next;
        queue.next += 1;
        let connections = if had_valid_token.get() { &mut queue.callers } else { &mut queue.strangers };
        connections.insert(place, connection);
        place
    }

    /// Returns the slot, unless the connection was evicted.
    fn remove(&self, place: u64) -> Option<OwnedSemaphorePermit> {
        let mut queue = self.lock();
        let idle = queue.strangers.remove(&place).or_else(|| queue.callers.remove(&place));
        idle.map(|idle| idle.slot)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Removes the connection to evict.
    fn longest_idle(&mut self) -> Option<Idle> {
        let first = |connections: &BTreeMap<u64, Idle>| connections.keys().next().copied();
        let is_crowd = self.strangers.len() >= self.crowd;
        let is_caller = first(&self.callers)
            .is_some_and(|caller| first(&self.strangers).is_none_or(|stranger| !is_crowd && caller < stranger));
        let connections = if is_caller { &mut self.callers } else { &mut self.strangers };
        connections.pop_first().map(|(_, idle)| idle)
    }
}

impl OpenStreams {
    /// Adds a connection.
    pub(super) fn new(all: &IdleConnections, slot: OwnedSemaphorePermit) -> Arc<Self> {
        let evicted = CancellationToken::new();
        let had_valid_token = HadValidToken::default();
        let place = all.add(Idle { evicted: evicted.clone(), slot }, &had_valid_token);
        Arc::new(Self {
            all: all.clone(),
            evicted,
            had_valid_token,
            state: watch::Sender::new(State { open: 0, place, slot: None, is_closing: false }),
        })
    }

    /// What a call with a valid token records on its connection.
    pub(super) fn had_valid_token(&self) -> HadValidToken {
        self.had_valid_token.clone()
    }

    /// Records a stream as open until the returned value is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Option<OpenStream> {
        let is_counted = self.state.send_if_modified(|state| {
            if state.is_closing {
                return false;
            }
            if state.open == 0 {
                state.slot = self.all.remove(state.place);
            }
            state.open += 1;
            true
        });
        is_counted.then(|| OpenStream(Arc::clone(self)))
    }

    /// Makes further streams not count as open.
    pub(super) fn stop_counting(&self) {
        self.state.send_modify(|state| state.is_closing = true);
    }

    /// Returns whether the connection was evicted. If not, a stream that is open prevents it.
    pub(super) fn is_evicted(&self) -> bool {
        self.evicted.is_cancelled()
    }

    /// Waits until the connection is evicted.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// Waits until no stream is open.
    pub(super) async fn none(&self) {
        drop(self.state.subscribe().wait_for(|state| state.open == 0).await);
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let streams = &self.0;
        streams.state.send_modify(|state| {
            state.open -= 1;
            if state.open == 0
                && let Some(slot) = state.slot.take()
            {
                let idle = Idle { evicted: streams.evicted.clone(), slot };
                state.place = streams.all.add(idle, &streams.had_valid_token);
            }
        });
    }
}

impl Drop for OpenStreams {
    fn drop(&mut self) {
        drop(self.all.remove(self.state.borrow().place));
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn streams_that_arrive_after_the_grace_keep_no_connection_open() {
        let idle = IdleConnections::new(1);
        let slot = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let streams = OpenStreams::new(&idle, slot);
        assert!(idle.evict().is_some() && streams.is_evicted());
        let in_time = streams.begin();
        streams.stop_counting();
        assert!(in_time.is_some() && streams.begin().is_none());
        drop(in_time);
        streams.none().await;
    }
}
