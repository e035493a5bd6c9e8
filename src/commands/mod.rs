//! Commands for operators. They use the same settings and adapters as the server.

pub mod audit_mapping;
pub mod check;
mod progress;
mod report;
mod resume;
mod verification;
