//! Limits log lines about what anyone can cause: what happens first is logged immediately, and what follows once per minute. Each
//! kind counts on its own, so that one that happens all the time hides no other.

use std::{
    collections::BTreeMap,
    mem::take,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// The time between two log lines of a kind.
pub(super) const INTERVAL: Duration = Duration::from_secs(60);

/// What happened since the last log line of each kind. Kinds are constants, so their number is bounded.
pub(super) struct PerMinute<T> {
    interval: Duration,
    kinds: Mutex<BTreeMap<&'static str, Since<T>>>,
    /// Notified of each kind that is new.
    added: Notify,
}

struct Since<T> {
    logged_at: Instant,
    /// `None` if nothing happened.
    happened: Option<T>,
}

impl<T: Default> PerMinute<T> {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, kinds: Mutex::default(), added: Notify::new() }
    }

    /// Adds what happened. Returns it if it must be logged immediately.
    pub(super) fn add(&self, kind: &'static str, add: impl FnOnce(&mut T)) -> Option<T> {
        let mut kinds = self.lock();
        if let Some(since) = kinds.get_mut(kind) {
            add(since.happened.get_or_insert_default());
            return None;
        }
        kinds.insert(kind, Since { logged_at: Instant::now(), happened: None });
        self.added.notify_one();
        let mut first = T::default();
        add(&mut first);
        Some(first)
    }

    /// Waits until something must be logged, and returns it.
    pub(super) async fn next(&self) -> Vec<(&'static str, T)> {
        loop {
            let oldest = self.lock().values().map(|since| since.logged_at).min();
            match oldest {
                Some(oldest) => sleep_until(oldest + self.interval).await,
                None => self.added.notified().await,
            }
            let due = self.take_due();
            if !due.is_empty() {
                return due;
            }
        }
    }

    /// Returns everything that is not logged yet.
    pub(super) fn rest(&self) -> Vec<(&'static str, T)> {
        take(&mut *self.lock()).into_iter().filter_map(|(kind, since)| Some((kind, since.happened?))).collect()
    }

    /// Returns what happened in the intervals that have ended. A kind that did not happen again starts anew.
    fn take_due(&self) -> Vec<(&'static str, T)> {
        let (now, mut due) = (Instant::now(), Vec::new());
        self.lock().retain(|kind, since| {
            if now < since.logged_at + self.interval {
                return true;
            }
            let happened = since.happened.take();
            since.logged_at = now;
            let is_repeated = happened.is_some();
            due.extend(happened.map(|happened| (*kind, happened)));
            is_repeated
        });
        due
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Since<T>>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long enough for the lines before the first wait.
    const SHORT: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn each_kind_is_returned_when_it_first_happens_and_then_with_its_count_even_if_nothing_follows() {
        let events = PerMinute::<u64>::new(SHORT);
        let add = |kind| events.add(kind, |count| *count += 1);
        let start = Instant::now();
        assert_eq!([add("probe"), add("expired"), add("probe"), add("probe")], [Some(1), Some(1), None, None]);
        assert_eq!(events.next().await, [("probe", 2)]);
        assert!(start.elapsed() >= SHORT);
        // A kind that paused for an interval is new again.
        assert_eq!([add("expired"), add("probe")], [Some(1), None]);
        assert_eq!(events.rest(), [("probe", 1)]);
        assert_eq!(events.rest(), []);
    }

    #[tokio::test]
    async fn waits_for_the_first_event_and_for_one_that_is_repeated() {
        let events = PerMinute::<u64>::new(SHORT);
        let add = || events.add("probe", |count| *count += 1);
        let (due, ()) = tokio::join!(events.next(), async {
            assert_eq!([add(), add()], [Some(1), None]);
        });
        assert_eq!(due, [("probe", 1)]);
    }
}
