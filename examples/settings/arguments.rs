//! The command line of the example.

use std::{net::SocketAddr, path::PathBuf};

use axum::http::Uri;
use clap::Parser;

/// The reference settings page of billing-portal, ready to click.
///
/// One process on embedded defaults: a settings page, the real service behind real gRPC, an SQLite directory with a few
/// tenants, and a simulator of Stripe. Everything listens on loopback and ends with Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "settings", max_term_width = 100, after_help = "RUST_LOG chooses the log level (default: warn).")]
pub(crate) struct Arguments {
    /// Loopback address of the settings page, port 0 for any [default: 127.0.0.1:3000, or the next free port]
    #[arg(long, value_name = "ADDRESS", value_parser = loopback)]
    pub(crate) page_address: Option<SocketAddr>,

    /// Loopback address of the gRPC service, port 0 for any [default: 127.0.0.1:50051, or the next free port]
    #[arg(long, value_name = "ADDRESS", value_parser = loopback, conflicts_with = "service")]
    pub(crate) service_address: Option<SocketAddr>,

    /// Loopback address of the Stripe simulator, port 0 for any [default: 127.0.0.1:4242, or the next free port]
    #[arg(long, value_name = "ADDRESS", value_parser = loopback, conflicts_with = "stripe_secret_key_file")]
    pub(crate) stripe_address: Option<SocketAddr>,

    /// Use the service at this address, such as http://127.0.0.1:50051, instead of starting one; the settings that it
    /// needs are printed
    #[arg(long, value_name = "URL", value_parser = service)]
    pub(crate) service: Option<Uri>,

    /// Keep the directory, the flag file, the public key and the audit log in this folder; all but the audit log are
    /// written anew at each start [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,

    /// Talk to Stripe itself in test mode, with the key in this file, instead of the simulator
    #[arg(long, value_name = "FILE", requires = "stripe_customer")]
    pub(crate) stripe_secret_key_file: Option<PathBuf>,

    /// Stripe's test customer of the first tenant; its metadata must hold tenant_id=acme
    #[arg(long, value_name = "cus_…", requires = "stripe_secret_key_file")]
    pub(crate) stripe_customer: Option<String>,
}

/// Nothing here has a password, so nothing here may be reached from another machine.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "give an address and a port, such as 127.0.0.1:3000")?;
    if address.ip().is_loopback() { Ok(address) } else { Err("must be a loopback address".to_owned()) }
}

/// In plain text, as inside a mesh, whose sidecars encrypt.
fn service(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|_| "is no URL")?;
    if uri.scheme_str() == Some("http") && uri.path() == "/" {
        Ok(uri)
    } else {
        Err("must be http, a host and a port, such as http://127.0.0.1:50051".to_owned())
    }
}
