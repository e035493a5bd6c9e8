//! `billing-portal`: lets the owner of a tenant open Stripe's hosted billing portal, for their own tenant and no other.
//!
//! Three rooms, and arrows that point inward only:
//!
//! - [`portal`], the domain: who may open which portal. It knows neither of the others.
//! - [`grpc`], the way in: from a socket's metadata and message to the domain, and back to a status.
//! - [`adapters`], the way out: the directory, Stripe, the flag and the audit log behind the domain's seams.
//!
//! [`config`] reads every setting, [`wiring`] opens what it names, [`server`] puts the rooms together, [`commands`] is what operators
//! run beside it, [`reload`] is how files and key sets are read again, [`telemetry`] what is logged and counted.

pub mod adapters;
pub mod commands;
pub mod config;
pub mod grpc;
pub mod portal;
pub mod reload;
pub mod server;
pub mod telemetry;
pub mod wiring;
