//! The inbound gRPC side: from a request's metadata and message to the domain, and back to a status.
//!
//! - [`layers`]: what surrounds every call, one concern per layer.
//! - [`caller`]: which workload calls, by the mesh's identity header.
//! - [`auth`]: which person calls, by the principal token.
//! - [`services`]: the two services, behind all of these.
//! - [`status`]: refusals as gRPC statuses.
//! - [`health`]: `grpc.health.v1`; [`proto`]: the generated code.

pub mod auth;
pub mod caller;
pub mod health;
pub mod layers;
pub mod proto;
pub mod services;
pub mod status;
