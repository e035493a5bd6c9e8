//! Limits of time, number and rate. All of them are per process.

use std::{num::NonZeroU32, time::Duration};

use super::{error::SettingError, value};
use crate::adapters::stripe::Mode;

/// The highest rate that can be configured.
const MAX_RATE: u64 = 10_000;

/// The highest number of calls or connections that can be configured.
const MAX_COUNT: u64 = 1_000_000;

/// Arguments for the requests to Stripe.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct StripeLimitsArguments {
    /// Maximum duration of one attempt at Stripe, from 1ms to 7days; not longer than --deadline
    #[arg(
        long,
        env = "BILLING_PORTAL_STRIPE_ATTEMPT_TIMEOUT",
        value_name = "DURATION",
        default_value = "4s",
        value_parser = value::duration::<1, { value::MAX_DURATION }>,
        hide_short_help = true
    )]
    stripe_attempt_timeout: Duration,

    /// Maximum sessions requested from Stripe per second, from 1 to 10000, each with one GET and one POST; a call waits at most
    /// 1 s for its turn; by default 20 in live mode and 10 in test mode
    #[arg(
        long,
        env = "BILLING_PORTAL_STRIPE_RATE",
        value_name = "COUNT",
        value_parser = value::number::<NonZeroU32, 1, MAX_RATE>,
        hide_short_help = true
    )]
    stripe_rate: Option<NonZeroU32>,
}

/// The limits of the requests to Stripe.
#[derive(Clone, Copy, Debug)]
pub struct StripeLimits {
    /// The maximum duration of one attempt.
    pub attempt_timeout: Duration,
    /// The maximum number of turns per second.
    pub rate: NonZeroU32,
}

impl StripeLimitsArguments {
    /// Validates the settings. The default of the rate depends on the mode.
    #[must_use]
    pub fn validate(self, mode: Mode) -> StripeLimits {
        StripeLimits {
            attempt_timeout: self.stripe_attempt_timeout,
            rate: self.stripe_rate.unwrap_or_else(|| default_stripe_rate(mode)),
        }
    }
}

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitsArguments {
    /// Maximum duration of a call, from 1ms to 7days
    #[arg(
        long,
        env = "BILLING_PORTAL_DEADLINE",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = value::duration::<1, { value::MAX_DURATION }>,
        hide_short_help = true
    )]
    deadline: Duration,

    #[command(flatten)]
    stripe: StripeLimitsArguments,

    /// Maximum duration of a drain, from 1ms to 7days
    #[arg(
        long,
        env = "BILLING_PORTAL_DRAIN_TIMEOUT",
        value_name = "DURATION",
        default_value = "25s",
        value_parser = value::duration::<1, { value::MAX_DURATION }>,
        hide_short_help = true
    )]
    drain_timeout: Duration,

    /// Maximum number of concurrent calls, from 1 to 1000000; further calls are refused with OVERLOADED
    #[arg(
        long,
        env = "BILLING_PORTAL_MAX_IN_FLIGHT",
        value_name = "COUNT",
        default_value_t = 1000,
        value_parser = value::number::<usize, 1, MAX_COUNT>,
        hide_short_help = true
    )]
    max_in_flight: usize,

    /// Maximum number of concurrent connections, from 1 to 1000000; a further one replaces the one that has been idle longest
    #[arg(
        long,
        env = "BILLING_PORTAL_MAX_CONNECTIONS",
        value_name = "COUNT",
        default_value_t = 256,
        value_parser = value::number::<usize, 1, MAX_COUNT>,
        hide_short_help = true
    )]
    max_connections: usize,

    /// Maximum sessions per minute for each person in a tenant, from 1 to 10000; further requests are refused with RATE_LIMITED
    #[arg(
        long,
        env = "BILLING_PORTAL_SESSION_RATE",
        value_name = "COUNT",
        default_value = "10",
        value_parser = value::number::<NonZeroU32, 1, MAX_RATE>,
        hide_short_help = true
    )]
    session_rate: NonZeroU32,
}

/// Validated settings.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    /// The maximum duration of a call.
    pub deadline: Duration,
    /// The maximum duration of one attempt at Stripe; not longer than the deadline.
    pub stripe_attempt_timeout: Duration,
    /// The maximum duration of a drain.
    pub drain_timeout: Duration,
    /// The maximum number of concurrent calls, at least 1.
    pub max_in_flight: usize,
    /// The maximum number of concurrent connections, at least 1.
    pub max_connections: usize,
    /// The maximum number of sessions per minute for each person in a tenant.
    pub session_rate: NonZeroU32,
    /// The maximum number of sessions requested from Stripe per second.
    pub stripe_rate: NonZeroU32,
}

impl LimitsArguments {
    pub(super) fn validate(self, mode: Mode) -> Result<LimitsConfig, SettingError> {
        let stripe = self.stripe.validate(mode);
        if stripe.attempt_timeout > self.deadline {
            return Err(SettingError::new("--stripe-attempt-timeout", "must not be longer than --deadline"));
        }
        Ok(LimitsConfig {
            deadline: self.deadline,
            stripe_attempt_timeout: stripe.attempt_timeout,
            drain_timeout: self.drain_timeout,
            max_in_flight: self.max_in_flight,
            max_connections: self.max_connections,
            session_rate: self.session_rate,
            stripe_rate: stripe.rate,
        })
    }
}

/// Stripe allows an account 100 requests per second in live mode and 25 in test mode, and 25 on one endpoint. A session takes two
/// requests on two endpoints. The rest is for the other users of the account.
const fn default_stripe_rate(mode: Mode) -> NonZeroU32 {
    const LIVE: NonZeroU32 = NonZeroU32::new(20).unwrap();
    const TEST: NonZeroU32 = NonZeroU32::new(10).unwrap();
    match mode {
        Mode::Live => LIVE,
        Mode::Test => TEST,
    }
}
