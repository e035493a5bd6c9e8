//! How often one person may ask for a session: per person in a tenant, so that a removed owner can't use up a tenant's.

use std::{
    fmt,
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};

use crate::portal::{Owner, Reason, Refusal, TenantId, UserId};

/// After how many calls people who have not asked for long are forgotten.
const FORGET_EVERY: usize = 1_024;

/// A pace for each person, whose burst is a whole minute's.
pub struct SessionRate {
    people: DefaultKeyedRateLimiter<(TenantId, UserId)>,
    calls: AtomicUsize,
}

impl SessionRate {
    /// So many sessions a minute.
    #[must_use]
    pub fn new(a_minute: NonZeroU32) -> Self {
        Self { people: RateLimiter::hashmap(Quota::per_minute(a_minute)), calls: AtomicUsize::new(0) }
    }

    /// Counts a call of the person.
    ///
    /// # Errors
    /// RATE_LIMITED, with the time after which one more is allowed.
    pub fn admit(&self, owner: &Owner) -> Result<(), Refusal> {
        if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(FORGET_EVERY) {
            self.people.retain_recent();
        }
        let principal = owner.principal();
        self.people.check_key(&(principal.tenant().clone(), principal.user().clone())).map_err(|not_until| {
            Refusal::because(Reason::RateLimited, "the person has asked for a minute's sessions")
                .retry_after(not_until.wait_time_from(self.people.clock().now()))
        })
    }
}

impl fmt::Debug for SessionRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRate").field("people", &self.people.len()).finish_non_exhaustive()
    }
}
