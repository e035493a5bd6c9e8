//! What the process does beside serving: commands for operators, over the same settings and the same adapters.

pub mod audit_mapping;
pub mod check;
mod progress;
mod report;
mod resume;
