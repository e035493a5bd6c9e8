//! Shared support: a complete environment ([`World`]), tokens, servers, and refusals as a client sees them.

pub(crate) mod backend;
pub(crate) mod browser;
pub(crate) mod certificates;
pub(crate) mod client_error;
pub(crate) mod collector;
pub(crate) mod counted_directory;
pub(crate) mod directory;
pub(crate) mod envoy;
pub(crate) mod example;
pub(crate) mod files;
pub(crate) mod gated_stripe;
pub(crate) mod http2;
pub(crate) mod issuer;
pub(crate) mod key_server;
pub(crate) mod latencies;
pub(crate) mod open_loop;
pub(crate) mod pgbouncer;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod raw_call;
pub(crate) mod refusing_service;
pub(crate) mod resources;
pub(crate) mod service;
pub(crate) mod stripe;
pub(crate) mod surroundings;
pub(crate) mod test_database;
pub(crate) mod tinyproxy;
pub(crate) mod token_verifier;
pub(crate) mod world;

pub(crate) use client_error::ClientError;
pub(crate) use issuer::Issuer;
pub(crate) use pgbouncer::PgBouncer;
pub(crate) use postgres::Postgres;
pub(crate) use world::World;
