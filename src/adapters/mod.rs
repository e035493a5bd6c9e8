//! The way out: each file makes one seam of [`crate::portal`] real. None of them knows gRPC.

pub mod audit_log;
pub mod directory;
pub mod flag;
pub mod stripe;
