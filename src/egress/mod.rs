//! TCP connections to https servers: direct, or through an HTTP proxy that relays what the two sides encrypt.

mod connector;
mod proxy;

pub(crate) use connector::Stream;
pub use connector::{Connector, ProxyError};
pub use proxy::{Proxy, is_bypassed};
