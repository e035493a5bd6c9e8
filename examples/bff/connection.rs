//! The connection to the service. With a mesh it is plain text: the mesh encrypts, and identifies this workload. Without
//! a mesh, the certificate of this workload does.

use std::env;

use anyhow::{Context as _, Result, bail};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};
use tonic::{
    codegen::Service as _,
    transport::{Channel, Endpoint, Uri},
};
use tower::service_fn;

const CERTIFICATE: &str = "SERVICE_CERTIFICATE_FILE";
const PRIVATE_KEY: &str = "SERVICE_PRIVATE_KEY_FILE";
const CA: &str = "SERVICE_CA_FILE";

/// Returns a channel to the service, which connects with its first call.
pub(crate) fn channel(service: &str) -> Result<Channel> {
    let [certificate, private_key, ca] = [CERTIFICATE, PRIVATE_KEY, CA].map(|name| env::var(name).ok());
    match (certificate, private_key, ca) {
        (None, None, None) => Ok(Endpoint::from_shared(format!("http://{service}"))?.connect_lazy()),
        (Some(certificate), Some(private_key), Some(ca)) => mutual_tls(service, Files { certificate, private_key, ca }),
        _ => bail!("set all of {CERTIFICATE}, {PRIVATE_KEY} and {CA}, or none of them"),
    }
}

/// The files, as PEM.
#[derive(Clone)]
struct Files {
    certificate: String,
    private_key: String,
    ca: String,
}

/// The files are read for each connection, because certificates are replaced before they expire.
fn mutual_tls(service: &str, files: Files) -> Result<Channel> {
    // An error at the start is clearer than one in each call.
    drop(connector(&files)?);
    let connect = service_fn(move |service: Uri| {
        let connector = connector(&files);
        async move { connector?.call(service).await }
    });
    Ok(Endpoint::from_shared(format!("https://{service}"))?.connect_with_connector_lazy(connect))
}

fn connector(files: &Files) -> Result<HttpsConnector<HttpConnector>> {
    let mut roots = RootCertStore::empty();
    for root in certificates(&files.ca).context(CA)? {
        roots.add(root).context(CA)?;
    }
    let chain = certificates(&files.certificate).context(CERTIFICATE)?;
    let key = PrivateKeyDer::from_pem_file(&files.private_key).context(PRIVATE_KEY)?;
    let tls = ClientConfig::builder().with_root_certificates(roots).with_client_auth_cert(chain, key)?;
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http2().build())
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_file_iter(file)?.collect()
}
