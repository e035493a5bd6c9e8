//! `billing-portal`: lets the owner of a tenant open Stripe's hosted billing portal, for their own tenant and no other.
//!
//! Each module depends only on modules below it in this list; `grpc` and `adapters` do not depend on each other:
//!
//! - [`commands`]: `serve`, `check`, `audit-mapping`, `reconcile` and `audit-verify`, and what they share with the backfill, a binary of its own.
//! - [`server`]: the listener, its connections, the drain, and health.
//! - [`wiring`]: builds the service from the settings, with one layer stack per service.
//! - [`config`]: every setting, one file per concern.
//! - [`grpc`]: the inbound side. [`adapters`]: the outbound side: directory, Stripe, flag, audit log.
//! - [`reload`]: files and URLs that are read again while the process runs.
//! - [`egress`]: connections to https servers, directly or through a proxy.
//! - [`portal`]: the domain: who may open which portal. [`supervisor`]: restarts background loops that panic.
//! - [`telemetry`]: logs, traces and metrics.
//! - [`json`]: objects without duplicate members. [`pipe`]: writing to a pipe whose reader may have stopped. [`tls`]: the
//!   roots that https connections trust.

pub mod adapters;
pub mod commands;
pub mod config;
pub mod egress;
#[cfg(test)]
mod fuzz;
pub mod grpc;
pub mod json;
pub mod pipe;
pub mod portal;
pub mod reload;
pub mod server;
pub mod supervisor;
pub mod telemetry;
pub mod tls;
pub mod wiring;
