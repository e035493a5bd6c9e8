//! Limits how many sessions a person may request. The limit applies to each person in each tenant, so that a removed owner cannot
//! use up the limit of the tenant's current owners.

use std::{
    fmt,
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};

use crate::portal::{Owner, Reason, Refusal, TenantId, UserId};

/// The number of calls after which the counters of people without recent calls are removed.
const CLEAN_UP_EVERY: usize = 1_024;

/// A rate limit for each person. The sessions of one minute may be requested in one burst.
pub struct SessionRate {
    people: DefaultKeyedRateLimiter<(TenantId, UserId)>,
    calls: AtomicUsize,
}

impl SessionRate {
    /// Allows each person `per_minute` sessions per minute.
    #[must_use]
    pub fn new(per_minute: NonZeroU32) -> Self {
        Self { people: RateLimiter::hashmap(Quota::per_minute(per_minute)), calls: AtomicUsize::new(0) }
    }

    /// Counts one call of the person.
    ///
    /// # Errors
    /// RATE_LIMITED, with the time until the next session is allowed.
    pub fn admit(&self, owner: &Owner) -> Result<(), Refusal> {
        if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(CLEAN_UP_EVERY) {
            self.people.retain_recent();
        }
        let principal = owner.principal();
        self.people.check_key(&(principal.tenant().clone(), principal.user().clone())).map_err(|not_until| {
            Refusal::because(Reason::RateLimited, "person requested more sessions than --session-rate allows")
                .retry_after(not_until.wait_time_from(self.people.clock().now()))
        })
    }
}

impl fmt::Debug for SessionRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRate").field("people", &self.people.len()).finish_non_exhaustive()
    }
}
