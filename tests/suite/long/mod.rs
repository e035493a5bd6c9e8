//! Tests at scale: tenants stay isolated under load, a change during a call prevents the release of a URL, a call stays
//! cheap with a million tenants, commands keep their memory small, slow calls of one person do not affect
//! others, refused connections are counted, a hundred restarts lose no call, and the audit log is complete although the process is
//! killed.

mod agreement;
mod attacks;
mod audit_memory;
mod audit_verify_memory;
mod completeness;
mod isolation;
mod plan;
mod races;
mod reconcile_memory;
mod refused_connections;
mod rollout;
mod slow_bodies;
