//! How long a call waits for its caller and for Stripe. The rest of its time is what the service adds.

use std::{cell::Cell, time::Duration};

use tokio::time::Instant;

tokio::task_local! {
    static WAITED: Cell<Waited>;
}

/// How long a call has waited for others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waited {
    /// Until the message of the caller was complete.
    pub caller: Duration,
    /// Until Stripe had responded to all attempts, with the pauses between them and the wait for `--stripe-rate`.
    pub stripe: Duration,
}

impl Waited {
    /// Returns what the service adds to a call that has taken this time.
    #[must_use]
    pub fn added(self, elapsed: Duration) -> Duration {
        elapsed.saturating_sub(self.caller + self.stripe)
    }
}

/// Runs a call, and returns its output and how long it waited.
pub async fn measure<F: Future>(call: F) -> (F::Output, Waited) {
    WAITED.scope(Cell::default(), async { (call.await, WAITED.with(Cell::get)) }).await
}

/// The current call waits until this is dropped, also if that is because its deadline is exceeded.
#[derive(Debug)]
#[must_use]
pub struct Waiting {
    since: Instant,
    whom: fn(&mut Waited) -> &mut Duration,
}

impl Waiting {
    /// The call waits for the message of its caller.
    pub fn for_caller() -> Self {
        Self { since: Instant::now(), whom: |waited| &mut waited.caller }
    }

    /// The call waits for Stripe.
    pub fn for_stripe() -> Self {
        Self { since: Instant::now(), whom: |waited| &mut waited.stripe }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let add = |cell: &Cell<Waited>| {
            let mut waited = cell.get();
            *(self.whom)(&mut waited) += self.since.elapsed();
            cell.set(waited);
        };
        // Without a call, such as in a command, nothing measures it.
        WAITED.try_with(add).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test]
    async fn waits_are_not_added_even_if_the_deadline_ends_them() {
        let wait = Duration::from_millis(20);
        let stripe = async {
            let _stripe = Waiting::for_stripe();
            pending::<()>().await;
        };
        let call = async {
            {
                let _message = Waiting::for_caller();
                sleep(wait).await;
            }
            timeout(wait, stripe).await.unwrap_err();
        };
        let started = Instant::now();
        let ((), waited) = measure(call).await;
        let elapsed = started.elapsed();
        assert!(waited.caller >= wait && waited.stripe >= wait, "{waited:?}");
        assert_eq!(waited.added(elapsed), elapsed - waited.caller - waited.stripe);
        drop(Waiting::for_stripe());
    }
}
