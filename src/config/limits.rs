//! Limits of time, number and rate. All of them are per process.

use std::{num::NonZeroU32, time::Duration};

use super::{error::SettingError, value};
use crate::adapters::stripe::Mode;

/// The highest rate that can be configured.
const MAX_RATE: u32 = 10_000;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitsArguments {
    /// Maximum duration of a call
    #[arg(
        long,
        env = "BILLING_PORTAL_DEADLINE",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = value::duration,
        hide_short_help = true
    )]
    deadline: Duration,

    /// Maximum duration of one attempt at Stripe
    #[arg(
        long,
        env = "BILLING_PORTAL_STRIPE_ATTEMPT_TIMEOUT",
        value_name = "DURATION",
        default_value = "4s",
        value_parser = value::duration,
        hide_short_help = true
    )]
    stripe_attempt_timeout: Duration,

    /// Maximum duration of a drain
    #[arg(
        long,
        env = "BILLING_PORTAL_DRAIN_TIMEOUT",
        value_name = "DURATION",
        default_value = "25s",
        value_parser = value::duration,
        hide_short_help = true
    )]
    drain_timeout: Duration,

    /// Maximum number of concurrent calls; further calls are refused with OVERLOADED
    #[arg(
        long,
        env = "BILLING_PORTAL_MAX_IN_FLIGHT",
        value_name = "COUNT",
        default_value_t = 1000,
        hide_short_help = true
    )]
    max_in_flight: usize,

    /// Maximum number of concurrent connections; a further connection replaces the one that has been idle longest
    #[arg(
        long,
        env = "BILLING_PORTAL_MAX_CONNECTIONS",
        value_name = "COUNT",
        default_value_t = 256,
        hide_short_help = true
    )]
    max_connections: usize,

    /// Maximum sessions per minute for each person in a tenant; further requests are refused with RATE_LIMITED
    #[arg(
        long,
        env = "BILLING_PORTAL_SESSION_RATE",
        value_name = "COUNT",
        default_value_t = 10,
        hide_short_help = true
    )]
    session_rate: u32,

    /// Maximum sessions requested from Stripe per second, each with one GET and one POST; a call waits at most 1 s for its turn; by
    /// default 20 in live mode and 10 in test mode
    #[arg(long, env = "BILLING_PORTAL_STRIPE_RATE", value_name = "COUNT", hide_short_help = true)]
    stripe_rate: Option<u32>,
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
        let deadline = value::positive("--deadline", self.deadline)?;
        let stripe_attempt_timeout = value::positive("--stripe-attempt-timeout", self.stripe_attempt_timeout)?;
        if stripe_attempt_timeout > deadline {
            return Err(SettingError::new("--stripe-attempt-timeout", "must not be longer than --deadline"));
        }
        Ok(LimitsConfig {
            deadline,
            stripe_attempt_timeout,
            drain_timeout: value::positive("--drain-timeout", self.drain_timeout)?,
            max_in_flight: count("--max-in-flight", self.max_in_flight)?,
            max_connections: count("--max-connections", self.max_connections)?,
            session_rate: rate("--session-rate", self.session_rate)?,
            stripe_rate: rate("--stripe-rate", self.stripe_rate.unwrap_or_else(|| default_stripe_rate(mode)))?,
        })
    }
}

/// Stripe allows an account 100 requests per second in live mode and 25 in test mode, and 25 on one endpoint. A session takes two
/// requests on two endpoints. The rest is for the other users of the account.
const fn default_stripe_rate(mode: Mode) -> u32 {
    match mode {
        Mode::Live => 20,
        Mode::Test => 10,
    }
}

fn count(name: &str, count: usize) -> Result<usize, SettingError> {
    const MAX: usize = tokio::sync::Semaphore::MAX_PERMITS;
    if (1..=MAX).contains(&count) { Ok(count) } else { Err(SettingError::new(name, format!("expected 1 to {MAX}"))) }
}

fn rate(name: &str, rate: u32) -> Result<NonZeroU32, SettingError> {
    NonZeroU32::new(rate)
        .filter(|rate| rate.get() <= MAX_RATE)
        .ok_or_else(|| SettingError::new(name, format!("expected 1 to {MAX_RATE}")))
}
