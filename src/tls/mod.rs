//! TLS: the roots that https connections trust, and the configuration of the listener.

pub mod chain;
pub mod listener;

use std::{
    io,
    sync::{Arc, LazyLock},
};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
    client::{WantsClientCert, WebPkiServerVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
};

use chain::ShortChains;

/// The cryptography of every TLS connection that is configured here.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

/// Returns a client configuration that trusts the system's roots and also those in `SSL_CERT_FILE` or `SSL_CERT_DIR`. A
/// company that adds its own CA for its key set must not lose the trust in Stripe's CA.
///
/// # Errors
/// If there are no roots at all.
pub fn client_config() -> io::Result<ClientConfig> {
    Ok(trusting(system_roots()?)?.with_no_client_auth())
}

/// Returns the roots of [`client_config`].
///
/// # Errors
/// If there are none.
pub fn system_roots() -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    // The roots in the variables if one is set, otherwise the system's.
    let loaded = rustls_native_certs::load_native_certs();
    for error in &loaded.errors {
        tracing::warn!(%error, "root certificates cannot be read");
    }
    roots.add_parsable_certificates(loaded.certs);
    for folder in openssl_probe::candidate_cert_dirs() {
        roots.add_parsable_certificates(rustls_native_certs::load_certs_from_paths(None, Some(folder)).certs);
    }
    if roots.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "no trusted root certificates; install the system's root certificates (ca-certificates) or set SSL_CERT_FILE",
        ));
    }
    Ok(roots)
}

/// Returns a client configuration for connections without TLS. It trusts no certificate, and must also work on a machine
/// without roots.
///
/// # Errors
/// If the library rejects its own defaults.
pub fn without_roots() -> io::Result<ClientConfig> {
    Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// Returns a configuration that trusts these roots, and that can be completed with a certificate of the client.
///
/// # Errors
/// If there are no roots.
pub fn trusting(roots: RootCertStore) -> io::Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&PROVIDER)).build();
    let verifier = ShortChains(verifier.map_err(io::Error::other)?);
    Ok(builder()?.dangerous().with_custom_certificate_verifier(Arc::new(verifier)))
}

fn builder() -> io::Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)
}
