//! The simulator from outside: as a process, and with the clients that Stripe publishes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod binary;
mod clients;
mod process;
