//! The connections without an open stream, in the order in which they became idle. When a new connection needs a slot, the one
//! that has been idle longest is evicted.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

/// The idle connections of a listener.
#[derive(Clone, Default)]
pub(super) struct IdleConnections(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    /// The place of the next connection that becomes idle.
    next: u64,
    connections: BTreeMap<u64, Idle>,
}

struct Idle {
    evicted: CancellationToken,
    slot: OwnedSemaphorePermit,
}

/// The open streams of a connection. A connection is idle from the start, before it has sent anything.
pub(super) struct OpenStreams {
    all: IdleConnections,
    evicted: CancellationToken,
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
    /// Evicts the connection that has been idle longest. Returns its slot, or `None` if no connection is idle.
    pub(super) fn evict(&self) -> Option<OwnedSemaphorePermit> {
        let mut queue = self.lock();
        let (_, longest_idle) = queue.connections.pop_first()?;
        // Under the lock, so that a stream that begins knows whether it came too late.
        longest_idle.evicted.cancel();
        Some(longest_idle.slot)
    }

    fn add(&self, connection: Idle) -> u64 {
        let mut queue = self.lock();
        let place = queue.next;
        queue.next += 1;
        queue.connections.insert(place, connection);
        place
    }

    /// Returns the slot, unless the connection was evicted.
    fn remove(&self, place: u64) -> Option<OwnedSemaphorePermit> {
        self.lock().connections.remove(&place).map(|idle| idle.slot)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenStreams {
    /// Adds a connection.
    pub(super) fn new(all: &IdleConnections, slot: OwnedSemaphorePermit) -> Arc<Self> {
        let evicted = CancellationToken::new();
        let place = all.add(Idle { evicted: evicted.clone(), slot });
        Arc::new(Self {
            all: all.clone(),
            evicted,
            state: watch::Sender::new(State { open: 0, place, slot: None, is_closing: false }),
        })
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
                state.place = streams.all.add(Idle { evicted: streams.evicted.clone(), slot });
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
        let idle = IdleConnections::default();
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
