//! The certificates of the listener, and of the CAs of its clients.

use std::time::SystemTime;

use super::{Item, failed, ok, warning};
use crate::{
    config::{SettingError, TlsConfig},
    tls::listener::Finding,
    wiring::tls::{open_certificate, open_client_ca},
};

/// Checks that the files are valid, and that callers accept their certificates now and in the near future.
pub(super) async fn check(config: Option<&TlsConfig>) -> Vec<Item> {
    let Some(config) = config else { return Vec::new() };
    let now = SystemTime::now();
    let certificate = open_certificate(config).await;
    let certificate = certificate.map(|file| file.get().map(|read| (read.findings(now), read.expires_at())));
    let client_ca = open_client_ca(config).await;
    let client_ca = client_ca.map(|file| file.get().map(|read| (read.findings(now), read.expires_at())));
    vec![item("TLS certificate", certificate), item("client CA", client_ca)]
}

type Read = Option<(Vec<Finding>, Option<SystemTime>)>;

fn item(what: &'static str, read: Result<Read, SettingError>) -> Item {
    let (findings, expires_at) = match read {
        Ok(Some((findings, Some(expires_at)))) => (findings, expires_at),
        Ok(_) => return failed(what, "not read"),
        Err(error) => return failed(what, error),
    };
    let detail: Vec<_> = findings.iter().map(|found| format!("{}: {}", found.certificate, found.problem)).collect();
    let detail = detail.join("; ");
    if findings.is_empty() {
        ok(what, format!("valid until {}", humantime::format_rfc3339_seconds(expires_at)))
    } else if findings.iter().any(|finding| finding.is_failure) {
        failed(what, detail)
    } else {
        warning(what, detail)
    }
}
