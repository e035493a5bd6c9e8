//! The rate limit towards Stripe. Stripe allows an account 25 requests per second on an endpoint
//! (<https://docs.stripe.com/rate-limits>); above that, it refuses requests from any caller.
//!
//! The fair queue is our own. `governor` counts permits but does not queue: `until_ready` wakes all waiting calls at
//! the same moment, and new calls compete with them, so a call can wait until it is refused while later ones pass.
//! `leaky-bucket` is fair, but its refill interval is a whole number of milliseconds, so it issues most rates in
//! batches: 7 permits once per second, for example, instead of one every 143 ms.

use std::{
    fmt,
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock as _};
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};

use crate::portal::{Reason, Refusal};

/// How long a call waits for a permit before it is refused.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// A burst is this fraction (one fifth) of the permits of a second, so that with the default rate no second exceeds
/// Stripe's limit.
const BURST_FRACTION: u32 = 5;

/// A rate limiter with a fair queue.
pub struct Pace {
    limiter: DefaultDirectRateLimiter,
    /// The next call holds it while it waits for a permit. The lock is fair, so no waiting call is overtaken.
    queue: Mutex<()>,
    /// The number of calls in the queue, including the one that holds the lock.
    waiting: AtomicUsize,
}

impl Pace {
    /// Creates a limiter with this number of permits per second.
    #[must_use]
    pub fn new(per_second: NonZeroU32) -> Self {
        let burst = NonZeroU32::new(per_second.get() / BURST_FRACTION).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self { limiter: RateLimiter::direct(quota), queue: Mutex::new(()), waiting: AtomicUsize::new(0) }
    }

    /// Waits for a permit, as long as necessary.
    pub async fn acquire(&self) {
        // Without this shortcut, the lock would pass from task to task even while permits are available. With 1,000
        // concurrent calls, the scheduler was too slow for that, and calls were refused far below the rate.
        if self.waiting.load(Ordering::Relaxed) == 0 && self.limiter.check().is_ok() {
            return;
        }
        let _in_queue = QueueEntry::new(&self.waiting);
        let _next = self.queue.lock().await;
        while let Err(not_until) = self.limiter.check() {
            sleep(not_until.wait_time_from(self.limiter.clock().now())).await;
        }
    }

    /// Waits for a permit, but at most [`MAX_WAIT`].
    ///
    /// # Errors
    /// STRIPE_RATE_LIMITED if there is no permit within that time.
    pub(super) async fn acquire_or_refuse(&self) -> Result<(), Refusal> {
        let refused =
            |_| Refusal::because(Reason::StripeRateLimited, "own rate limit towards Stripe was exceeded for too long");
        timeout(MAX_WAIT, self.acquire()).await.map_err(refused)
    }
}

/// Counts a call as waiting until it is dropped, even if the call is cancelled.
struct QueueEntry<'a>(&'a AtomicUsize);

impl<'a> QueueEntry<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for QueueEntry<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pace")
    }
}
