//! HTTP/2, gRPC and the browser.

mod backends;
mod drain;
mod health;
mod redirect;
mod wire;
