//! Threads for work that may wait for the disk or for a lock. They take it from one queue.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// Threads that are started when they are needed, and end with this value when all work that was added has ended.
pub(super) struct Threads<J: Send + 'static>(Arc<Shared<J>>);

struct Shared<J> {
    run: Box<dyn Fn(J) + Send + Sync>,
    max_threads: usize,
    state: Mutex<State<J>>,
    wake: Condvar,
}

struct State<J> {
    queue: VecDeque<J>,
    threads: usize,
    sleeping: usize,
    /// A thread was started or woken, and has not yet looked at the queue.
    is_waking: bool,
    is_closed: bool,
}

impl<J: Send + 'static> Threads<J> {
    pub(super) fn new(max_threads: usize, run: impl Fn(J) + Send + Sync + 'static) -> Self {
        let state = State { queue: VecDeque::new(), threads: 0, sleeping: 0, is_waking: false, is_closed: false };
        Self(Arc::new(Shared { run: Box::new(run), max_threads, state: Mutex::new(state), wake: Condvar::new() }))
    }

    /// Adds work. Never waits.
    pub(super) fn add(&self, job: J) {
        let mut state = self.0.lock();
        state.queue.push_back(job);
        self.0.wake_one(state);
    }
}

impl<J: Send + 'static> Drop for Threads<J> {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.wake.notify_all();
    }
}

impl<J: Send + 'static> Shared<J> {
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one more thread look at the queue, unless one is about to: it takes what was added in the meantime, so that the
    /// threads are not woken for each job. If no thread can be started, the work is dropped.
    fn wake_one(self: &Arc<Self>, mut state: MutexGuard<'_, State<J>>) {
        if state.is_waking || (state.sleeping == 0 && state.threads == self.max_threads) {
            return;
        }
        state.is_waking = true;
        if state.sleeping > 0 {
            drop(state);
            return self.wake.notify_one();
        }
        let shared = Arc::clone(self);
        match thread::Builder::new().name("sqlite".to_owned()).spawn(move || shared.work()) {
            Ok(_) => state.threads += 1,
            Err(error) => {
                tracing::warn!(%error, "thread for SQLite cannot be started");
                state.is_waking = false;
                if state.threads == 0 {
                    state.queue.clear();
                }
            }
        }
    }

    fn work(self: &Arc<Self>) {
        let mut state = self.lock();
        loop {
            state.is_waking = false;
            while let Some(job) = state.queue.pop_front() {
                // This job may take long, so the next one needs another thread.
                if state.queue.is_empty() {
                    drop(state);
                } else {
                    self.wake_one(state);
                }
                // A panic concerns only its own job.
                drop(catch_unwind(AssertUnwindSafe(|| (self.run)(job))));
                state = self.lock();
            }
            if state.is_closed {
                return;
            }
            state.sleeping += 1;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.sleeping -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{RecvTimeoutError, channel},
        time::Duration,
    };

    use super::*;

    #[test]
    fn job_that_waits_holds_only_its_own_thread_and_threads_end_when_they_are_dropped() {
        let (done, results) = channel();
        let (release, released) = channel::<()>();
        let released = Mutex::new(released);
        let threads = Threads::new(2, move |job| {
            match job {
                0 => released.lock().unwrap().recv().unwrap(),
                1 => panic!("a job that fails"),
                _ => {}
            }
            done.send(job).unwrap();
        });
        (0..100).for_each(|job| threads.add(job));
        let next = || results.recv_timeout(Duration::from_secs(30));
        assert!((2..100).all(|job| next() == Ok(job)));
        drop(threads);
        release.send(()).unwrap();
        // The channel is closed when the last thread ends.
        assert_eq!((next(), next()), (Ok(0), Err(RecvTimeoutError::Disconnected)));
    }
}
