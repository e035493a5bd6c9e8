//! Tests at scale: tenants stay isolated under load, and a call stays cheap with a million tenants.

mod audit_memory;
mod isolation;
mod plan;
mod races;
