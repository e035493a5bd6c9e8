//! TCP connections to https servers: direct, or through an HTTP proxy that relays what the two sides encrypt.

mod bypass;
mod connector;
mod proxy;

pub use bypass::is_bypassed;
pub(crate) use connector::Stream;
pub use connector::{Connector, ProxyError};
pub use proxy::Proxy;
