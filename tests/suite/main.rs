//! Every test that needs more than one file of the crate, in one binary, for linking is what costs.
//!
//! By the kinds that the product was promised: unit ([`predicate`]), integration ([`sessions`], [`refusals`], [`stripe`],
//! [`attempts`], [`faults`], [`directory`], [`postgres`], [`database_settings`], [`token`], [`audit`], [`mesh`], [`keyset`], [`pace`],
//! [`health`], [`drain`], [`settings`], [`process`], [`commands`], [`audit_mapping`], [`telemetry`], [`redirect`],
//! [`callers`], [`wire`]), regression ([`visibility`]), smoke ([`smoke`], [`script_smoke`]).
//! Beside them: [`isolation`] (tenants are kept apart under load), [`plan`] (a million tenants cost nothing), [`arrows`] (the structure of the crate), [`documents`]
//! (what is documented is what is built)
//! and [`simulator`] (it is as strict as Stripe).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod arrows;
mod attempts;
mod audit;
mod audit_mapping;
mod callers;
mod commands;
mod database_settings;
mod directory;
mod documents;
mod drain;
mod faults;
mod health;
mod isolation;
mod keyset;
mod mesh;
mod pace;
mod plan;
mod postgres;
mod predicate;
mod process;
mod redirect;
mod refusals;
mod script_smoke;
mod sessions;
mod settings;
mod simulator;
mod smoke;
mod stripe;
mod support;
mod telemetry;
mod token;
mod visibility;
mod wire;
