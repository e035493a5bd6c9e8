//! Tests at scale: tenants stay isolated under load, and a call stays cheap with a million tenants.

mod isolation;
mod plan;
