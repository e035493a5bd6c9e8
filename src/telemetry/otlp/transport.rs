//! Connections to the collector, by gRPC or HTTP/1.1, over the same TLS as every other https connection of the service.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, uri::Scheme};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_http::{HttpClient, HttpError};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};
use tonic::transport::{Channel, Endpoint};

use super::{
    TelemetryError,
    settings::{PemFile, SignalSettings},
};
use crate::{telemetry::chain, tls};

/// The largest body of a response over HTTP, in bytes.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Returns a gRPC channel, which connects when it is first used.
pub(super) fn channel(settings: &SignalSettings) -> Result<Channel, TelemetryError> {
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(client_config(settings)?).https_or_http().enable_http2();
    let endpoint = Endpoint::from(settings.endpoint.clone()).connect_timeout(settings.timeout);
    Ok(endpoint.connect_with_connector_lazy(connector.wrap_connector(tcp())))
}

/// Why the latest request over HTTP failed: `opentelemetry-otlp` reports only that it did.
pub(super) type Cause = Arc<Mutex<Option<String>>>;

/// A client for OTLP over HTTP. Redirects are not followed. The time limit is the exporter's.
#[derive(Debug)]
pub(super) struct CollectorClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    cause: Cause,
}

impl CollectorClient {
    pub(super) fn new(settings: &SignalSettings, cause: Cause) -> Result<Self, TelemetryError> {
        let tls = client_config(settings)?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new()).build(connector.wrap_connector(tcp()));
        Ok(Self { client, cause })
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = self.client.request(request.map(Full::new)).await?.into_parts();
        let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

#[async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let result = self.exchange(request).await;
        let cause = result.as_ref().err().map(|error| chain(&**error));
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = cause;
        result
    }
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp
}

fn client_config(settings: &SignalSettings) -> Result<ClientConfig, TelemetryError> {
    // A collector without TLS must also work on a machine without roots.
    if settings.endpoint.scheme() != Some(&Scheme::HTTPS) {
        return tls::without_roots().map_err(TelemetryError::Tls);
    }
    let roots = match &settings.certificate {
        Some(file) => {
            let mut roots = RootCertStore::empty();
            let is_refused = certificates(file)?.into_iter().any(|certificate| roots.add(certificate).is_err());
            if is_refused {
                return Err(file.refused(&"a certificate is malformed"));
            }
            roots
        }
        None => tls::system_roots().map_err(TelemetryError::Tls)?,
    };
    let config = tls::trusting(roots).map_err(TelemetryError::Tls)?;
    match (&settings.client_certificate, &settings.client_key) {
        (None, None) => Ok(config.with_no_client_auth()),
        (Some(certificate), Some(key)) => {
            let private_key = PrivateKeyDer::from_pem_file(&key.path).map_err(|error| key.refused(&error))?;
            let config = config.with_client_auth_cert(certificates(certificate)?, private_key);
            config.map_err(|error| key.refused(&error))
        }
        (Some(file), None) | (None, Some(file)) => {
            Err(file.refused(&"a client certificate and its key must be set together"))
        }
    }
}

fn certificates(file: &PemFile) -> Result<Vec<CertificateDer<'static>>, TelemetryError> {
    let certificates = CertificateDer::pem_file_iter(&file.path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(file.refused(&pem::Error::NoItemsFound)),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(file.refused(&error)),
    }
}
