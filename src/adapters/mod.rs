//! Outbound adapters: each file implements one trait of [`crate::portal`]. None of them depends on gRPC.

pub mod audit_log;
pub mod directory;
pub mod flag;
pub mod stripe;
