//! Tests of the simulator as a separate process, on its own and with Stripe's clients.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod binary;
mod clients;
mod process;
