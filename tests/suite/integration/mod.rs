//! Tests of the real server on a socket with its real dependencies, grouped by concern.

mod authorization;
mod backfill;
pub(crate) mod directory;
mod egress;
mod leaks;
mod operations;
mod page;
mod stripe;
mod transport;
