//! The limit of open files. A process that reaches it can open neither the flag file nor a connection, so a flag that is
//! switched off would not be seen.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{LimitsConfig, SettingError};

/// The maximum number of connections that another one has replaced, and that are not closed yet.
pub(crate) const CLOSING_CONNECTIONS: usize = 16;

/// The maximum number of connections of `--health-listen`. They are apart from `--max-connections`, because anyone who reaches this
/// listener can open them. Probes and the load balancers of a network need far fewer.
pub(crate) const HEALTH_CONNECTIONS: usize = 64;

/// The descriptors of one connection to the directory: SQLite opens a database, its journal and its shared memory;
/// PostgreSQL needs one, and after a failover one more for each idle connection to the previous primary.
const PER_DATABASE_CONNECTION: u64 = 3;

/// The concurrent requests of one call to Stripe.
const PER_STRIPE_CALL: u64 = 2;

/// Everything else, with a margin: standard streams, listener, runtime, the files in the settings while they are read,
/// the key set's URL, the audit log, telemetry, and name resolution.
const REMAINING: u64 = 64;

/// Raises the limit of open files as far as the system allows, and compares it with what the settings can need.
///
/// # Errors
/// If the limit is still too low. The error names both numbers.
pub(crate) fn ensure(
    limits: &LimitsConfig,
    database_connections: u32,
    has_health_listener: bool,
) -> Result<(), SettingError> {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        // The current limit may still be high enough.
        tracing::debug!(%error, "limit of open files cannot be raised");
    }
    let health_connections = if has_health_listener { HEALTH_CONNECTIONS + CLOSING_CONNECTIONS } else { 0 };
    let connections = (limits.max_connections + health_connections) as u64;
    let needed = needed(connections, database_connections.into(), stripe_calls(limits));
    match getrlimit(Resource::Nofile).current {
        Some(allowed) if allowed < needed => {
            let problem = format!(
                "with these limits, the service can need {needed} open files, but the system allows {allowed}; raise \
                 the system's limit (ulimit -n), or lower --max-connections, --database-max-connections, --max-in-flight or --stripe-rate"
            );
            Err(SettingError::new("--max-connections", problem))
        }
        Some(_) | None => Ok(()),
    }
}

/// Returns how many descriptors the service can need at the same time.
const fn needed(connections: u64, database_connections: u64, stripe_calls: u64) -> u64 {
    connections
        .saturating_add(CLOSING_CONNECTIONS as u64)
        .saturating_add(database_connections.saturating_mul(PER_DATABASE_CONNECTION))
        .saturating_add(stripe_calls.saturating_mul(PER_STRIPE_CALL))
        .saturating_add(REMAINING)
}

/// Returns how many calls can wait for Stripe at the same time: those that start within one deadline, and not more than
/// run at all.
fn stripe_calls(limits: &LimitsConfig) -> u64 {
    let started = limits.deadline.as_secs().saturating_add(1).saturating_mul(limits.stripe_rate.get().into());
    started.min(limits.max_in_flight as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_connection_adds_to_what_is_needed() {
        assert_eq!(needed(0, 0, 0), 16 + REMAINING);
        assert_eq!(needed(256, 8, 220), 256 + 16 + 24 + 440 + REMAINING);
        assert_eq!(needed(u64::MAX, 8, u64::MAX), u64::MAX);
    }
}
