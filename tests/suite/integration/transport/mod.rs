//! Tests of HTTP/2, gRPC, health and draining, and of the web backends that call the service.

mod backends;
mod drain;
mod health;
mod redirect;
mod slow_messages;
mod terminal;
mod wire;
