//! How many requests to Stripe may be retried, so that an outage does not cause a retry storm.

use std::{num::NonZeroU32, time::Duration};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tower::retry::budget::{Budget as _, TpsBudget};

/// How long a request counts.
const WINDOW: Duration = Duration::from_secs(10);

/// The part of a retry that each request without one allows.
const RETRIES_PER_REQUEST: f32 = 0.1;

/// Retries that need no earlier request, so that a service with few calls retries as well.
const RESERVE: NonZeroU32 = NonZeroU32::new(10).unwrap();
const RESERVE_PER_MINUTE: NonZeroU32 = NonZeroU32::new(6).unwrap();

/// Requests that fail do not add to it: while Stripe is down, each retry is one more of them.
pub(super) struct RetryBudget {
    earned: TpsBudget,
    reserve: DefaultDirectRateLimiter,
}

impl RetryBudget {
    pub(super) fn new() -> Self {
        let reserve = RateLimiter::direct(Quota::per_minute(RESERVE_PER_MINUTE).allow_burst(RESERVE));
        Self { earned: TpsBudget::new(WINDOW, 0, RETRIES_PER_REQUEST), reserve }
    }

    /// Records a request that needs no retry.
    pub(super) fn record_final(&self) {
        self.earned.deposit();
    }

    /// Returns whether one more retry is allowed, and counts it.
    pub(super) fn allows_retry(&self) -> bool {
        self.earned.withdraw() || self.reserve.check().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retries(budget: &RetryBudget) -> usize {
        (0..1_000).take_while(|_| budget.allows_retry()).count()
    }

    #[test]
    fn reserve_and_a_tenth_of_the_requests_without_a_retry_are_allowed() {
        let budget = RetryBudget::new();
        assert_eq!(retries(&budget), 10);
        for _ in 0..100 {
            budget.record_final();
        }
        assert_eq!(retries(&budget), 10);
    }
}
