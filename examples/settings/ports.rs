//! The three listeners, bound before anything else, because each of the others is told their ports.

use std::{io, net::SocketAddr};

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;

use crate::terminal;

/// How many ports after a default one are tried.
const TRIES: u16 = 100;

/// A listener on the wanted address, or else on the first free port from the default one on.
pub(crate) async fn bind(wanted: Option<SocketAddr>, default: SocketAddr) -> Result<TcpListener> {
    if let Some(address) = wanted {
        return TcpListener::bind(address).await.with_context(|| format!("{address} can't be listened on"));
    }
    let mut candidate = default;
    loop {
        match TcpListener::bind(candidate).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && candidate.port() - default.port() < TRIES => {
                let taken = candidate;
                candidate.set_port(candidate.port() + 1);
                terminal::say(&format!("{taken} is taken, so {candidate} is tried."));
            }
            bound => return bound.with_context(|| format!("{candidate} can't be listened on")),
        }
    }
}
