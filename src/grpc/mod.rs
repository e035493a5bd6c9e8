//! Inbound gRPC: turns the metadata and the message of a request into domain values, and the result into a message or a status.
//!
//! - [`layers`]: the layers around every call, one concern per layer.
//! - [`caller`]: identifies the calling workload by the identity header of the mesh.
//! - [`auth`]: identifies the person by the principal token.
//! - [`services`]: the two services, inside all of these.
//! - [`status`]: refusals as gRPC statuses.
//! - [`health`]: `grpc.health.v1`; [`proto`]: the generated code.

pub mod auth;
pub mod caller;
pub mod health;
pub mod layers;
pub mod proto;
pub mod services;
pub mod status;
