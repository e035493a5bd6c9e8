//! Background loops that must not end without notice: a loop that panics is restarted.
//!
//! tokio-util's `TaskTracker` and `JoinMap` report that a task panicked, but do not restart it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio_util::task::AbortOnDropHandle;

use crate::telemetry::metrics::METRICS;

/// The pause before a loop is restarted, so that a loop that always panics neither uses a whole core nor fills the log.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Runs a future in a task of its own until it completes or the handle is dropped. If it panics, `start` creates it again after
/// a pause.
pub fn spawn<F>(name: &'static str, mut start: impl FnMut() -> F + Send + 'static) -> AbortOnDropHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    METRICS.task_restarts(name, 0);
    AbortOnDropHandle::new(tokio::spawn(async move {
        while AssertUnwindSafe(start()).catch_unwind().await.is_err() {
            report(name);
            tokio::time::sleep(RESTART_PAUSE).await;
        }
    }))
}

/// Runs a function on this thread until it returns. If it panics, it is called again after a pause.
pub fn run(name: &'static str, mut function: impl FnMut()) {
    METRICS.task_restarts(name, 0);
    while catch_unwind(AssertUnwindSafe(&mut function)).is_err() {
        report(name);
        std::thread::sleep(RESTART_PAUSE);
    }
}

/// The panic hook has already logged where the panic happened.
fn report(name: &'static str) {
    METRICS.task_restarts(name, 1);
    tracing::error!(task = name, pause_s = RESTART_PAUSE.as_secs(), "background task panicked and is restarted");
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn panicked_task_is_restarted_and_completed_task_is_not() {
        let starts = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&starts);
        let task = spawn("test", move || {
            let counted = Arc::clone(&counted);
            async move {
                tokio::task::yield_now().await;
                let start = {
                    let mut starts = counted.lock().unwrap();
                    *starts += 1;
                    *starts
                };
                assert!(start > 1, "the first start panics");
            }
        });
        task.await.unwrap();
        assert_eq!(*starts.lock().unwrap(), 2);
    }

    #[test]
    fn panicked_function_is_called_again() {
        let mut calls = 0;
        run("test", || {
            calls += 1;
            assert!(calls > 1, "the first call panics");
        });
        assert_eq!(calls, 2);
    }
}
