//! Tests of the simulator as a process, also with Stripe's own clients.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod binary;
mod clients;
mod process;
