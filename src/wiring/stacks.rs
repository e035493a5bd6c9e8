//! One layer stack per service. A method is audited and owner-only because of the stack that it is in: every method
//! that is added to BillingPortal is both, and PortalAccess has no audit.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{Router, extract::Request, middleware::from_fn_with_state, response::IntoResponse, routing::Route};
use tokio_util::task::TaskTracker;
use tonic::{server::NamedService as _, service::Interceptor};
use tonic_health::{
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use tower::{Layer, Service, ServiceExt as _};

use crate::{
    config::SettingError,
    grpc::{
        auth::interceptor::{AdmitOwner, AdmitPrincipal, Intercept},
        caller::Callers,
        layers::{
            anonymous::{self, AnonymousStreams},
            audit, call_id, deadline, detach, final_status,
            generated::Generated,
            load_shed::LoadShed,
            log, message, metrics, not_grpc, panic,
            person_limit::PersonLimit,
            stack::{Handler, Response, ServiceStack, Stack, UnknownService},
        },
        proto::{self, billing_portal_server::BillingPortalServer, portal_access_server::PortalAccessServer},
        services::{BillingPortalService, PortalAccessService},
    },
    portal::AuditLog,
};

/// The state of the layers that all stacks have.
#[derive(Debug)]
pub struct Shared {
    /// Every call that has not ended.
    pub calls: TaskTracker,
    /// The limit of calls in flight, and the shutdown of the service.
    pub load: LoadShed,
    /// The limit of calls in flight of one person, for both services together.
    pub people: PersonLimit,
    /// The time limit of a call.
    pub deadline: Duration,
    /// The workloads that may call the service.
    pub callers: Arc<Callers>,
}

/// Returns the stack of BillingPortal: every method is audited and owner-only.
#[must_use]
pub fn billing_portal(
    service: BillingPortalService,
    admit: AdmitOwner,
    log: Arc<dyn AuditLog>,
    shared: &Shared,
) -> ServiceStack {
    let stack = Stack::new(Generated(BillingPortalServer::new(service)));
    let stack = add_checks(add_person_checks(stack, admit, shared), shared).layer(audit::RecordOutcome(log));
    add_records(stack, shared).build()
}

/// Returns the stack of PortalAccess: every method admits any authenticated person and is not audited.
pub(super) fn portal_access(service: PortalAccessService, admit: AdmitPrincipal, shared: &Shared) -> ServiceStack {
    let stack = Stack::new(Generated(PortalAccessServer::new(service)));
    add_records(add_checks(add_person_checks(stack, admit, shared), shared), shared).build()
}

/// Returns the stack of all other paths: it refuses allowed callers with METHOD_UNKNOWN.
pub(super) fn unknown(shared: &Shared) -> ServiceStack {
    add_records(add_checks(Stack::new(UnknownService), shared), shared).build()
}

/// Adds the interceptor, and inside it the layers that need a verified person: their limit, and the first read of a message.
fn add_person_checks<I>(stack: Stack<impl Handler>, admit: I, shared: &Shared) -> Stack<impl Handler>
where
    I: Interceptor + Clone + Send + Sync + 'static,
{
    stack.layer(message::ReadOnce).layer(shared.people.clone()).layer(Intercept(admit))
}

/// Adds the layers that can refuse a call before its interceptor.
fn add_checks(stack: Stack<impl Handler>, shared: &Shared) -> Stack<impl Handler> {
    stack
        .layer(Arc::clone(&shared.callers))
        .layer(deadline::Enforce(shared.deadline))
        .layer(shared.load.clone())
        .layer(panic::Catch)
}

/// Adds the outermost layers: those that record every call, whatever its outcome, and the one that rejects requests that are not
/// gRPC.
fn add_records(stack: Stack<impl Handler>, shared: &Shared) -> Stack<impl Handler> {
    stack
        .layer(metrics::Record)
        .layer(log::Write)
        .layer(final_status::SendRefusal)
        .layer(call_id::AssignId)
        .layer(detach::Run(shared.calls.clone()))
        .layer(not_grpc::Reject)
}

/// Every route. The two services are found without a router, because they are most of the calls.
#[derive(Clone, Debug)]
pub struct Routes {
    /// The two services, by how their paths begin.
    services: Arc<[(String, ServiceStack)]>,
    /// Health and reflection, and the refusal of all other paths.
    others: Router,
}

impl Routes {
    /// Adds health and reflection to the stacks. They need neither caller nor principal, respond under overload, and have limits of
    /// their own.
    pub(super) fn new(
        [billing_portal, portal_access, unknown]: [ServiceStack; 3],
        health: &HealthReporter,
        reflection: bool,
        limits: AnonymousStreams,
    ) -> Result<Self, SettingError> {
        let mut routes = tonic::service::Routes::builder();
        routes.add_service(health_server(health));
        if reflection {
            let builder = || {
                tonic_reflection::server::Builder::configure()
                    .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
                    .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                    .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            };
            let failed = |error: tonic_reflection::server::Error| SettingError::new("--reflection", error);
            routes.add_service(builder().build_v1().map_err(failed)?.max_decoding_message_size(message::MAX_BYTES));
            routes
                .add_service(builder().build_v1alpha().map_err(failed)?.max_decoding_message_size(message::MAX_BYTES));
        }
        let anonymous = routes.routes().into_axum_router().route_layer(from_fn_with_state(limits, anonymous::admit));
        let services = [
            (BillingPortalServer::<BillingPortalService>::NAME, billing_portal),
            (PortalAccessServer::<PortalAccessService>::NAME, portal_access),
        ];
        Ok(Self {
            services: services.map(|(name, stack)| (format!("/{name}/"), stack)).into(),
            others: anonymous.fallback_service(unknown),
        })
    }

    /// Adds a layer outside all others, for a program that embeds the service.
    #[must_use]
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service:
            Service<Request, Response: IntoResponse, Error: Into<Infallible>, Future: Send> + Clone + Send + Sync,
        <L::Service as Service<Request>>::Response: 'static,
        <L::Service as Service<Request>>::Error: 'static,
        <L::Service as Service<Request>>::Future: 'static,
    {
        let respond = move |request| async move { self.respond(request).await };
        Self { services: [].into(), others: Router::new().fallback(respond).layer(layer) }
    }

    /// Answers one request.
    pub async fn respond(&self, request: Request) -> Response {
        let path = request.uri().path();
        let service = self.services.iter().find(|(prefix, _)| path.starts_with(prefix));
        let Ok(response) = match service {
            Some((_, stack)) => stack.clone().call(request).await,
            None => self.others.clone().oneshot(request).await,
        };
        response
    }
}

/// Returns the routes of a listener that serves only health. Anyone can call it, so the refusal of every other path costs nothing:
/// it has no layers, no log line and no ErrorInfo.
pub(super) fn health_routes(health: &HealthReporter, limits: AnonymousStreams) -> Routes {
    let health = tonic::service::Routes::new(health_server(health)).into_axum_router();
    let unknown =
        || async { tonic::Status::unimplemented("only grpc.health.v1 is served here").into_http::<axum::body::Body>() };
    let others = health.route_layer(from_fn_with_state(limits, anonymous::admit)).fallback(unknown);
    Routes { services: [].into(), others }
}

fn health_server(health: &HealthReporter) -> HealthServer<HealthService> {
    let server = HealthServer::new(HealthService::from_health_reporter(health.clone()));
    server.max_decoding_message_size(message::MAX_BYTES)
}
