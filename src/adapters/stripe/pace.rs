//! How fast Stripe is asked: an account is allowed 25 requests a second on an endpoint
//! (<https://docs.stripe.com/rate-limits>), and whoever asks faster is refused for everyone.

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

/// How long a call waits in line.
const PATIENCE: Duration = Duration::from_secs(1);

/// The share of a second's requests that may come at once: with the default pace, no second holds more than Stripe allows.
const BURST_SHARE: u32 = 5;

/// A line in front of Stripe.
pub struct Pace {
    limiter: DefaultDirectRateLimiter,
    /// Whoever holds it is next; the lock is fair, so nobody is overtaken.
    line: Mutex<()>,
    /// How many stand in it, the next one included.
    waiting: AtomicUsize,
}

impl Pace {
    /// So many turns a second.
    #[must_use]
    pub fn new(a_second: NonZeroU32) -> Self {
        let burst = NonZeroU32::new(a_second.get() / BURST_SHARE).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(a_second).allow_burst(burst);
        Self { limiter: RateLimiter::direct(quota), line: Mutex::new(()), waiting: AtomicUsize::new(0) }
    }

    /// Waits for a turn, as long as that takes.
    pub async fn turn(&self) {
        // A line where there is a turn for everyone would only pass the time from task to task.
        if self.waiting.load(Ordering::Relaxed) == 0 && self.limiter.check().is_ok() {
            return;
        }
        let _place = Place::take(&self.waiting);
        let _next = self.line.lock().await;
        while let Err(not_until) = self.limiter.check() {
            sleep(not_until.wait_time_from(self.limiter.clock().now())).await;
        }
    }

    /// Waits for a turn, but not for long.
    ///
    /// # Errors
    /// STRIPE_RATE_LIMITED when the line is too long.
    pub(super) async fn turn_soon(&self) -> Result<(), Refusal> {
        let too_long = |_| Refusal::because(Reason::StripeRateLimited, "the line in front of Stripe is too long");
        timeout(PATIENCE, self.turn()).await.map_err(too_long)
    }
}

/// A place in line, given back when its owner goes, for whatever cause.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pace")
    }
}
