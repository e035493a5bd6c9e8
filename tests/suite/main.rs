//! Every test that needs more than one file of the crate, in one binary, for linking is what costs.
//!
//! | module | question |
//! | --- | --- |
//! | [`integration`] | does the real server do what the contract says? |
//! | [`regression`] | who sees the billing action on the page? |
//! | [`smoke`] | does the happy path work with a real browser and a real grpcurl? |
//! | [`structure`] | do the modules depend on each other in the documented order, and do the documents agree with the code? |
//! | [`long`] | are tenants kept apart under load, and what does a million tenants cost? |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod integration;
mod long;
mod regression;
mod smoke;
mod structure;
mod support;
