//! Tests that exercise more than one file of the crate, in one binary, because linking takes most of the build time.
//!
//! | module | question |
//! | --- | --- |
//! | [`corpus`] | is every case of `tests/corpus` refused with its code and reason, and nothing behind the check touched? |
//! | [`integration`] | does the real server behave as the contract says? |
//! | [`faults`] | what do callers see while something around the service fails, and for how long? |
//! | [`load`] | what do callers see under overload, beside clients that abuse HTTP/2, and after a long time? |
//! | [`regression`] | who sees the billing action on the page? |
//! | [`restarts`] | does every call get its answer while replicas behind an Envoy are restarted? |
//! | [`smoke`] | does the happy path work with a real browser and a real grpcurl? |
//! | [`structure`] | do the modules depend on each other in the documented order, and do the documents agree with the code? |
//! | [`differential`] | does a second implementation read what the service accepts in the same way? |
//! | [`properties`] | is every generated decision that of a separate oracle? |
//! | [`vectors`] | does the service agree with published test data? |
//! | [`long`] | are tenants isolated under load, and does a call stay cheap with a million tenants? |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod corpus;
mod differential;
mod faults;
mod integration;
mod load;
mod long;
mod properties;
mod regression;
mod restarts;
mod smoke;
mod structure;
mod support;
mod vectors;
