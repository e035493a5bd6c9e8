//! What operators start, read and run.

mod audit;
mod audit_mapping;
mod check;
mod process;
mod settings;
mod telemetry;
