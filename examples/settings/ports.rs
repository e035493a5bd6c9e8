//! The three listeners. They are bound first, because the page, the service and Stripe need each other's ports.

use std::{io, net::SocketAddr};

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;

use crate::terminal;

/// How many ports after the default one are tried.
const MAX_FURTHER_PORTS: u16 = 100;

/// Listens on the requested address, or on the first free port starting at the default address.
pub(crate) async fn bind(requested: Option<SocketAddr>, default: SocketAddr) -> Result<TcpListener> {
    if let Some(address) = requested {
        return TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"));
    }
    let mut candidate = default;
    loop {
        match TcpListener::bind(candidate).await {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && candidate.port() - default.port() < MAX_FURTHER_PORTS =>
            {
                let in_use = candidate;
                candidate.set_port(candidate.port() + 1);
                terminal::print_line(&format!("{in_use} is in use, trying {candidate}"));
            }
            bound => return bound.with_context(|| format!("cannot listen on {candidate}")),
        }
    }
}
