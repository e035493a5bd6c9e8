//! Every test that needs more than one file of the crate, in one binary, for linking is what costs.
//!
//! By the kinds that the product was promised: unit ([`predicate`]), integration ([`sessions`], [`refusals`], [`stripe`],
//! [`attempts`], [`directory`], [`postgres`], [`database_settings`], [`token`], [`audit`], [`health`], [`drain`], [`process`],
//! [`redirect`], [`wire`]), regression ([`visibility`]), smoke ([`smoke`]).
//! Beside them: [`isolation`] (tenants are kept apart under load), [`plan`] (a million tenants cost nothing), [`arrows`] (the structure of the crate)
//! and [`simulator`] (it is as strict as Stripe).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod arrows;
mod attempts;
mod audit;
mod database_settings;
mod directory;
mod drain;
mod health;
mod isolation;
mod plan;
mod postgres;
mod predicate;
mod process;
mod redirect;
mod refusals;
mod sessions;
mod simulator;
mod smoke;
mod stripe;
mod support;
mod token;
mod visibility;
mod wire;
