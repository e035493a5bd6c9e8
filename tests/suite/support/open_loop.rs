//! Calls that start at a fixed rate, whether earlier ones have ended or not.

use std::time::{Duration, Instant};

use tokio::{
    sync::{oneshot, watch},
    task::{JoinHandle, JoinSet},
    time::interval,
};

/// A call that is started so much too late shows that other programs use the whole machine.
const STALL: Duration = Duration::from_millis(100);

/// Calls whose results are `T`. Dropping it starts no further calls.
pub(crate) struct OpenLoop<T> {
    started: watch::Receiver<usize>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Ended<T>>,
}

/// Everything about calls that have ended.
pub(crate) struct Ended<T> {
    /// The results, in the order in which the calls ended.
    pub(crate) calls: Vec<T>,
    /// When the machine stalled.
    pub(crate) stalls: Vec<[Instant; 2]>,
}

impl<T: Send + 'static> OpenLoop<T> {
    /// Makes a call with its number, from 0, so many times per second.
    pub(crate) fn start<F>(per_second: u32, mut call: impl FnMut(usize) -> F + Send + 'static) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (count, started) = watch::channel(0);
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            // A late tick does not reduce the number of calls: those that were missed follow immediately.
            let mut ticks = interval(Duration::from_secs(1) / per_second);
            let (mut running, mut calls, mut stalls) = (JoinSet::new(), Vec::new(), Vec::new());
            for number in 0.. {
                let due = tokio::select! {
                    _ = &mut stopped => break,
                    due = ticks.tick() => due.into_std(),
                };
                if due.elapsed() > STALL {
                    stalls.push([due, Instant::now()]);
                }
                running.spawn(call(number));
                count.send_replace(number + 1);
                while let Some(ended) = running.try_join_next() {
                    calls.push(ended.unwrap());
                }
            }
            calls.extend(running.join_all().await);
            Ended { calls, stalls }
        });
        Self { started, stop, task }
    }

    /// Returns how many calls have started.
    pub(crate) fn started(&self) -> usize {
        *self.started.borrow()
    }

    /// Waits until this number of further calls has started.
    pub(crate) async fn wait_for_calls(&self, count: usize) {
        let target = self.started() + count;
        self.started.clone().wait_for(|started| *started >= target).await.unwrap();
    }

    /// Starts no further calls, and returns all of them when the last one has ended.
    pub(crate) async fn stop(self) -> Ended<T> {
        // If it fails, a call has panicked, which the next line shows.
        let _ = self.stop.send(());
        self.task.await.unwrap()
    }
}
