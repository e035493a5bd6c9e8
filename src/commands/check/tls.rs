//! The certificates of the listener, and of the CAs of its clients.

use std::time::SystemTime;

use super::{Item, failed, ok, warning};
use crate::{
    config::TlsConfig,
    tls::listener::Validity,
    wiring::tls::{EXPIRES_SOON, open_certificate, open_client_ca},
};

/// Checks that the files are valid, and that their certificates are valid now and not about to expire.
pub(super) async fn check(config: Option<&TlsConfig>) -> Vec<Item> {
    let Some(config) = config else { return Vec::new() };
    let certificate = open_certificate(config).await.map(|file| file.get().map(|certificate| certificate.validity()));
    let client_ca = open_client_ca(config).await.map(|file| file.get().map(|client_ca| client_ca.validity()));
    [("TLS certificate", certificate), ("client CA", client_ca)]
        .into_iter()
        .map(|(what, opened)| match opened {
            Ok(validity) => validity.map_or_else(|| failed(what, "not read"), |validity| item(what, validity)),
            Err(error) => failed(what, error),
        })
        .collect()
}

fn item(what: &'static str, Validity { not_before, not_after }: Validity) -> Item {
    let (now, time) = (SystemTime::now(), humantime::format_rfc3339_seconds);
    if now < not_before {
        failed(what, format!("not valid before {}; check the clock of this machine", time(not_before)))
    } else if now > not_after {
        failed(what, format!("expired at {}; replace it", time(not_after)))
    } else if now + EXPIRES_SOON >= not_after {
        warning(what, format!("expires soon, at {}; replace it", time(not_after)))
    } else {
        ok(what, format!("valid until {}", time(not_after)))
    }
}
