//! Tests of HTTP/2, gRPC, health and draining, and of the web backends that call the service.

mod abuse;
mod anonymous;
mod backends;
mod backends_mtls;
mod certificates;
mod connections;
mod drain;
mod frames;
mod health;
mod health_listener;
mod late_messages;
mod redirect;
mod shutdown;
mod slow_messages;
mod terminal;
mod tls;
mod wire;
