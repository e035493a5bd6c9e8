//! Tenants are kept apart under load, and a million tenants cost nothing.

mod isolation;
mod plan;
