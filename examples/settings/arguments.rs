//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use axum::http::Uri;
use billing_portal::portal::return_origins::is_loopback;
use clap::Parser;
use url::Url;

const AFTER_HELP: &str = "\
To call the service yourself, press Enter while the example runs: it prints a grpcurl command with a new token of the \
first person. Type the name of a person before Enter for a token of that person.

Each refused call is printed on one line: the person, the reason, its cause and the request ID. RUST_LOG=info also prints \
the log of the service, which then has the causes (default: warn).";

/// Runs the reference settings page for billing-portal, with everything it needs.
///
/// One process runs the settings page, the gRPC service, an SQLite directory with sample tenants, and a Stripe
/// simulator. It listens on loopback only. Press Ctrl-C to stop it.
#[derive(Debug, Parser)]
#[command(name = "settings", max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Loopback address of the settings page; port 0 picks a free port [default: 127.0.0.1:3000, or the next free port]
    #[arg(long, value_name = "ADDRESS", value_parser = loopback)]
    pub(crate) page_address: Option<SocketAddr>,

    /// Loopback address of the gRPC service; port 0 picks a free port [default: 127.0.0.1:50051, or the next free port]
    #[arg(long, value_name = "ADDRESS", value_parser = loopback, conflicts_with = "service")]
    pub(crate) service_address: Option<SocketAddr>,

    /// Loopback address of the Stripe simulator; port 0 picks a free port [default: 127.0.0.1:4242, or the next free
    /// port]
    #[arg(long, value_name = "ADDRESS", value_parser = loopback, conflicts_with = "stripe_secret_key_file")]
    pub(crate) stripe_address: Option<SocketAddr>,

    /// Use the service at this URL, such as http://127.0.0.1:50051, instead of starting one; the command that starts a
    /// matching service is printed
    #[arg(long, value_name = "URL", value_parser = service)]
    pub(crate) service: Option<Uri>,

    /// Origin of another settings backend that may use the service as well; the variables that it needs are printed
    #[arg(long, value_name = "ORIGIN", value_parser = backend, default_value = "http://127.0.0.1:3100")]
    pub(crate) backend_origin: Url,

    /// Keep the directory, the flag file, the keys and the audit log in this folder; each start overwrites all of
    /// them except the audit log [default: a temporary folder, removed on exit]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,

    /// Use Stripe in test mode, with the secret key in this file, instead of the simulator
    #[arg(long, value_name = "FILE", requires = "stripe_customer")]
    pub(crate) stripe_secret_key_file: Option<PathBuf>,

    /// Stripe customer (test mode) of the tenant acme; its metadata must contain tenant_id=acme
    #[arg(long, value_name = "cus_…", requires = "stripe_secret_key_file")]
    pub(crate) stripe_customer: Option<String>,
}

/// Accepts loopback only, because the page signs anyone in without a password.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "expected an IP address and a port, such as 127.0.0.1:3000")?;
    if address.ip().is_loopback() { Ok(address) } else { Err("expected a loopback address".to_owned()) }
}

/// Accepts loopback only, because the other backend gets the key that signs tokens.
fn backend(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|_| "not a valid URL (example: http://127.0.0.1:3100)")?;
    let is_origin = url.origin().ascii_serialization() == text.trim_end_matches('/');
    if url.scheme() == "http" && is_loopback(&url) && is_origin {
        Ok(url)
    } else {
        Err("expected an http origin on loopback, such as http://127.0.0.1:3100".to_owned())
    }
}

/// Accepts http only: inside a mesh, the sidecars encrypt.
fn service(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|_| "not a valid URL (example: http://127.0.0.1:50051)")?;
    if uri.scheme_str() == Some("http") && uri.path() == "/" {
        Ok(uri)
    } else {
        Err("expected an http URL without a path, such as http://127.0.0.1:50051".to_owned())
    }
}
