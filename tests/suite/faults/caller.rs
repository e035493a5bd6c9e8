//! A client of the load.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use billing_portal::grpc::proto::{
    CreatePortalSessionRequest, GetPortalAccessRequest, billing_portal_client::BillingPortalClient,
    portal_access_client::PortalAccessClient,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;
use tonic::{Request, Status, Streaming, transport::Uri};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_client::HealthClient};

use super::load::{Answer, Call};
use crate::support::{
    ClientError,
    world::{bearer, home},
};

/// The `grpc-timeout` of each call, in seconds.
const DEADLINE: u64 = 8;

/// A call without an answer until then is lost.
const PATIENCE: Duration = Duration::from_secs(DEADLINE + 20);

/// A client with one connection. It sends the deadline, but does not enforce it, as tonic's own channel would.
#[derive(Clone)]
pub(super) struct Caller {
    client: Client<HttpConnector, tonic::body::Body>,
    origin: Uri,
}

impl Caller {
    pub(super) fn new(address: SocketAddr) -> Self {
        let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        Self { client, origin: format!("http://{address}").parse().unwrap() }
    }

    pub(super) async fn call(&self, number: usize, token: &str) -> Call {
        let (is_session, started) = (number % 4 != 3, Instant::now());
        let answer = async { if is_session { self.open(token).await } else { self.access(token).await } };
        let answer = timeout(PATIENCE, answer).await.unwrap_or_else(|_| Answer::Lost("no answer".to_owned()));
        Call { number, is_session, started, ended: Instant::now(), answer }
    }

    async fn open(&self, token: &str) -> Answer {
        self.create_portal_session(with_deadline(bearer(token, home()))).await
    }

    /// Opens a session, and waits as long as the service does.
    pub(super) async fn open_without_deadline(&self, token: &str) -> Answer {
        self.create_portal_session(bearer(token, home())).await
    }

    async fn create_portal_session(&self, request: Request<CreatePortalSessionRequest>) -> Answer {
        let mut client = BillingPortalClient::with_origin(self.client.clone(), self.origin.clone());
        match client.create_portal_session(request).await {
            Ok(response) => Answer::Ok(response.into_inner().url),
            Err(status) => refusal(&status),
        }
    }

    /// Opens a stream that reports the health of the service.
    pub(super) async fn watch(&self) -> Result<Streaming<HealthCheckResponse>, Status> {
        let mut client = HealthClient::with_origin(self.client.clone(), self.origin.clone());
        Ok(client.watch(HealthCheckRequest::default()).await?.into_inner())
    }

    async fn access(&self, token: &str) -> Answer {
        let mut client = PortalAccessClient::with_origin(self.client.clone(), self.origin.clone());
        match client.get_portal_access(with_deadline(bearer(token, GetPortalAccessRequest::default()))).await {
            Ok(response) if response.get_ref().visible => Answer::Ok(String::new()),
            Ok(response) => {
                let reason = response.get_ref().reason().as_str_name().trim_start_matches("REASON_").to_owned();
                Answer::Refused { reason, request_id: String::new() }
            }
            Err(status) => refusal(&status),
        }
    }
}

fn with_deadline<T>(mut request: Request<T>) -> Request<T> {
    request.metadata_mut().insert("grpc-timeout", format!("{DEADLINE}S").parse().unwrap());
    request
}

fn refusal(status: &Status) -> Answer {
    match ClientError::if_refused(status) {
        Some(ClientError { reason, request_id, .. }) => Answer::Refused { reason, request_id },
        None => Answer::Lost(format!("{status:?}")),
    }
}
