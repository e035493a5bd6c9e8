//! Whom https trusts.

use std::io;

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

/// A client that trusts the system's roots, and those that `SSL_CERT_FILE` or `SSL_CERT_DIR` name beside them: a company's own
/// authority for its key set must not cost the trust in Stripe's.
///
/// # Errors
/// When there are no roots at all.
pub fn client_config() -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    // The system's, or in their place those of the variables.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for folder in openssl_probe::candidate_cert_dirs() {
        roots.add_parsable_certificates(rustls_native_certs::load_certs_from_paths(None, Some(folder)).certs);
    }
    if roots.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no trusted roots; install them, or set SSL_CERT_FILE"));
    }
    trusting(roots)
}

/// A client that trusts nobody, for connections without TLS: a machine without roots can still serve those.
///
/// # Errors
/// When the library refuses its own defaults.
pub fn trusting_nobody() -> io::Result<ClientConfig> {
    trusting(RootCertStore::empty())
}

fn trusting(roots: RootCertStore) -> io::Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
