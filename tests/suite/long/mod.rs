//! Tests at scale: tenants stay isolated under load, a change during a call prevents the release of a URL, and a call stays
//! cheap with a million tenants.

mod attacks;
mod audit_memory;
mod isolation;
mod plan;
mod races;
