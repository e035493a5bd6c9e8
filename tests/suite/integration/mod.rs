//! The real server on a socket, over real parts, by concern.

mod authorization;
pub(crate) mod directory;
mod operations;
pub(crate) mod stripe;
mod transport;
