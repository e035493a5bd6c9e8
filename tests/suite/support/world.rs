//! A complete test environment on its own ports: the service, the Stripe simulator, SQLite, and files in a folder.

use std::{fmt::Display, net::SocketAddr, path::PathBuf};

use billing_portal::grpc::proto::{
    CreatePortalSessionRequest, GetPortalAccessRequest, GetPortalAccessResponse,
    billing_portal_client::BillingPortalClient, portal_access_client::PortalAccessClient,
};
use serde_json::Value;
use stripe_simulator::{Settings, Simulator};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{
    ClientError, Issuer,
    counted_directory::{self, Queries},
    files,
    process::{Serving, serve_program},
    settings::{arguments, config, override_settings},
    surroundings::surroundings,
};

/// The URL of the settings page in every test.
pub(crate) const RETURN_URL: &str = "https://app.example.com/settings";

/// A flag that is on for every tenant except `dark`.
pub(crate) const FLAG_ON: &str = r#"{"flags":{"billing-portal":{"state":"ENABLED","variants":{"on":true,"off":false},
    "defaultVariant":"on","targeting":{"if":[{"==":[{"var":"targetingKey"},"dark"]},"off"]}}}}"#;

/// A flag that is off for everyone.
pub(crate) const FLAG_OFF: &str =
    r#"{"flags":{"billing-portal":{"state":"DISABLED","variants":{"on":true,"off":false},"defaultVariant":"on"}}}"#;

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) stripe: Simulator,
    pub(crate) issuer: Issuer,
    pub(crate) address: SocketAddr,
    pub(crate) channel: Channel,
    /// The directory queries of calls.
    pub(crate) queries: Queries,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts with settings that override the defaults. Returns once the service is ready.
    pub(crate) async fn with(settings: &[&str]) -> Self {
        let world = Self::unready(settings).await;
        world.wait_for_health("", ServingStatus::Serving).await;
        world
    }

    /// Starts without waiting for readiness, for tests whose directory is missing. Returns once the service listens.
    pub(crate) async fn unready(settings: &[&str]) -> Self {
        Self::start_with(Settings::default(), settings).await
    }

    /// Starts with a simulator over TLS. Only a separate service process can be configured to trust its CA.
    pub(crate) async fn over_tls() -> Self {
        Self::start_with(Settings::default().tls(), &[]).await
    }

    async fn start_with(stripe: Settings, settings: &[&str]) -> Self {
        let (folder, stripe, issuer) = surroundings(stripe).await;
        let mut all = arguments(&folder, stripe.base_url());
        override_settings(&mut all, settings);
        let (server, queries) = counted_directory::server(config(all)).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(async move {
            server.serve(listener, async { drop(stopped.await) }, std::future::pending()).await.unwrap();
        });
        Self { folder, stripe, issuer, address, channel: connect(address).await, queries, stop: Some(stop), served }
    }

    /// Starts the service as a process of its own, whose queries are not counted. Returns once it is ready.
    pub(crate) async fn with_process(settings: &[&str]) -> (Self, Serving) {
        let (folder, stripe, issuer) = surroundings(Settings::default()).await;
        let mut all = arguments(&folder, stripe.base_url());
        override_settings(&mut all, &[&["--listen=127.0.0.1:0"], settings].concat());
        let serving = serve_program(&all).await;
        let (address, queries, served) = (serving.address, Queries::default(), tokio::spawn(async {}));
        let world =
            Self { folder, stripe, issuer, address, channel: connect(address).await, queries, stop: None, served };
        world.wait_for_health("", ServingStatus::Serving).await;
        (world, serving)
    }

    /// Returns the settings of this world with changes, for another process.
    pub(crate) fn settings(&self, changes: &[&str]) -> Vec<String> {
        let mut settings = arguments(&self.folder, self.stripe.base_url());
        override_settings(&mut settings, changes);
        settings
    }

    /// Sends the world's requests to another process from here on.
    pub(crate) async fn connect_to(&mut self, address: SocketAddr) {
        self.channel = connect(address).await;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits on the health Watch stream until a service has the expected status.
    pub(crate) async fn wait_for_health(&self, service: &str, expected: ServingStatus) {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut watch = HealthClient::new(self.channel.clone()).watch(request).await.unwrap().into_inner();
        while let Some(response) = watch.message().await.unwrap() {
            if response.status() == expected {
                return;
            }
        }
        panic!("the watch ended");
    }

    /// Waits until every file that was written before this call has taken effect. Each file is polled every 250 ms, and a
    /// secret takes effect at the second poll. This publishes a second key, waits until it is accepted, then withdraws it.
    pub(crate) async fn wait_for_reload(&self) {
        let key = Issuer::new("key-2");
        let token = key.token("olivia", "acme", "member");
        // The key set needs one poll, perhaps just after that of a secret, which needs two. The fourth is for a late poll.
        for is_published in [true, false, true, false] {
            let keys = if is_published { vec![self.issuer.jwk(), key.jwk()] } else { vec![self.issuer.jwk()] };
            std::fs::write(self.path("jwks.json"), serde_json::json!({"keys": keys}).to_string()).unwrap();
            while self.access(&token, "").await.is_ok() != is_published {
                tokio::task::yield_now().await;
            }
        }
    }

    pub(crate) fn olivia(&self) -> String {
        self.issuer.token("olivia", "acme", "owner")
    }

    /// Creates a session for the portal home.
    pub(crate) async fn open(&self, token: &str) -> Result<String, ClientError> {
        self.open_with(token, home()).await
    }

    pub(crate) async fn open_with(
        &self,
        token: &str,
        message: CreatePortalSessionRequest,
    ) -> Result<String, ClientError> {
        self.send(bearer(token, message)).await
    }

    /// Sends a request unchanged.
    pub(crate) async fn send(&self, request: Request<CreatePortalSessionRequest>) -> Result<String, ClientError> {
        let response = BillingPortalClient::new(self.channel.clone()).create_portal_session(request).await;
        response.map(|response| response.into_inner().url).map_err(|status| ClientError::of(&status))
    }

    pub(crate) async fn access(&self, token: &str, displayed: &str) -> Result<GetPortalAccessResponse, ClientError> {
        let message = GetPortalAccessRequest { displayed_tenant_id: displayed.to_owned() };
        let response = PortalAccessClient::new(self.channel.clone()).get_portal_access(bearer(token, message)).await;
        response.map(tonic::Response::into_inner).map_err(|status| ClientError::of(&status))
    }

    /// The audit records so far. A call's outcome is written before its response.
    pub(crate) fn audit(&self) -> Vec<Value> {
        files::json_lines(&self.path("audit.jsonl"))
    }

    /// The reasons of the outcome records so far.
    pub(crate) fn outcomes(&self) -> Vec<String> {
        let outcomes = self.audit().into_iter().filter(|record| record["event"] == "outcome");
        outcomes.map(|record| record["reason"].as_str().unwrap().to_owned()).collect()
    }

    /// Asks the service to stop, without waiting for it.
    pub(crate) fn shut_down(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until the service has drained.
    pub(crate) async fn stopped(self) {
        self.served.await.unwrap();
    }
}

/// Opens a connection to a service.
pub(crate) async fn connect(address: impl Display) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// A request for the portal home.
pub(crate) fn home() -> CreatePortalSessionRequest {
    CreatePortalSessionRequest { return_url: RETURN_URL.to_owned(), ..Default::default() }
}

pub(crate) fn bearer<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// Adds a trace, which is also in the audit entries of the call.
pub(crate) fn traced<T>(mut request: Request<T>, trace: &str) -> Request<T> {
    request.metadata_mut().insert("traceparent", format!("00-{trace}-00000000000000a1-00").parse().unwrap());
    request
}
