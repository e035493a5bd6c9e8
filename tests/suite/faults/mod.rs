//! Faults: what callers see while something around the service fails, and how soon they are served again.
//!
//! Each fault is a row of its group, with its injection and its promise. A steady load runs before, during and after it,
//! against a process of the service with the real PostgreSQL. docs/operate.md has the same promises, and a structure test
//! compares them.
//!
//! `tests/faults` runs all of them for a minute each, and prints the table. A short form runs in `tests/run`.

mod audit;
mod caller;
mod crowd;
mod database;
mod fault;
mod files;
mod launch;
mod load;
mod long;
mod outcome;
mod pipe;
mod process;
mod run;
mod servers;
mod short;
mod stage;
mod stripe;
mod telemetry;

pub(crate) use fault::Fault;

/// All faults, in the order of the table.
pub(crate) fn all() -> impl Iterator<Item = &'static Fault> {
    let groups = [stripe::FAULTS, database::FAULTS, files::FAULTS, audit::FAULTS, telemetry::FAULTS, process::FAULTS];
    groups.into_iter().flatten()
}
