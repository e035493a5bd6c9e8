//! One layer stack per service. A method is audited and owner-only because of the stack that it is in: every method
//! that is added to BillingPortal is both, and PortalAccess has no audit.

use std::{any::type_name, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    middleware::{from_fn, from_fn_with_state},
    response::IntoResponse,
    routing::Route,
};
use tokio_util::task::TaskTracker;
use tonic::{
    server::NamedService,
    service::{Interceptor, InterceptorLayer, Routes},
};
use tonic_health::{
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use tower::{Layer, Service};

use crate::{
    config::SettingError,
    grpc::{
        auth::interceptor::{AdmitOwner, AdmitPrincipal},
        caller::{self, Callers},
        layers::{
            anonymous::{self, AnonymousStreams},
            audit, call_id, deadline, detach, final_status,
            load_shed::{self, LoadShed},
            log, message, metrics, not_grpc, panic,
            person_limit::{self, PersonLimit},
            refusal,
        },
        proto::{self, billing_portal_server::BillingPortalServer, portal_access_server::PortalAccessServer},
        services::{BillingPortalService, PortalAccessService},
        status::refused,
    },
    portal::{AuditLog, Reason, Refusal},
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

/// A service behind its layers.
#[derive(Clone, Debug)]
pub struct ServiceStack {
    router: Router,
    /// The types of the layers, outermost first.
    layers: Vec<&'static str>,
}

/// Returns the stack of BillingPortal: every method is audited and owner-only.
#[must_use]
pub fn billing_portal(
    service: BillingPortalService,
    admit: AdmitOwner,
    log: Arc<dyn AuditLog>,
    shared: &Shared,
) -> ServiceStack {
    ServiceStack::new(BillingPortalServer::new(service))
        .add_person_checks(admit, shared)
        .add_checks(shared)
        .layer(from_fn_with_state(log, audit::record_outcome))
        .add_records(shared)
}

/// Returns the stack of PortalAccess: every method admits any authenticated person and is not audited.
pub(super) fn portal_access(service: PortalAccessService, admit: AdmitPrincipal, shared: &Shared) -> ServiceStack {
    let stack = ServiceStack::new(PortalAccessServer::new(service));
    stack.add_person_checks(admit, shared).add_checks(shared).add_records(shared)
}

/// Returns the stack of all other paths: it refuses allowed callers with METHOD_UNKNOWN.
pub(super) fn unknown(shared: &Shared) -> ServiceStack {
    let refuse = || async { refused(Refusal::because(Reason::MethodUnknown, "path does not name a service")) };
    ServiceStack { router: Router::new().fallback(refuse), layers: Vec::new() }.add_checks(shared).add_records(shared)
}

impl ServiceStack {
    fn new<S>(service: S) -> Self
    where
        S: Service<Request, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        // An empty method name is an unknown method of the service.
        let router = Router::new()
            .route_service(&format!("/{}/", S::NAME), service.clone())
            .route_service(&format!("/{}/{{*method}}", S::NAME), service);
        Self { router, layers: Vec::new() }
    }

    /// Adds a layer outside the existing layers.
    fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.layers.insert(0, type_name::<L>());
        Self { router: self.router.layer(layer), ..self }
    }

    /// Adds the interceptor, and inside it the layers that need a verified person: their limit, and the first read of a
    /// message.
    fn add_person_checks<I>(self, admit: I, shared: &Shared) -> Self
    where
        I: Interceptor + Clone + Send + Sync + 'static,
    {
        self.layer(from_fn(message::read))
            .layer(from_fn_with_state(shared.people.clone(), person_limit::admit))
            .layer(InterceptorLayer::new(admit))
    }

    /// Adds the layers that can refuse a call before its interceptor, and the one that reads their refusals.
    fn add_checks(self, shared: &Shared) -> Self {
        self.layer(from_fn_with_state(Arc::clone(&shared.callers), caller::admit))
            .layer(from_fn_with_state(shared.deadline, deadline::enforce))
            .layer(from_fn_with_state(shared.load.clone(), load_shed::admit))
            .layer(from_fn(panic::catch))
            .layer(from_fn(refusal::read))
    }

    /// Adds the outermost layers: those that record every call, whatever its outcome, and the one that rejects requests
    /// that are not gRPC.
    fn add_records(self, shared: &Shared) -> Self {
        self.layer(from_fn(metrics::record))
            .layer(from_fn(log::write))
            .layer(from_fn(final_status::send))
            .layer(from_fn(call_id::assign))
            .layer(from_fn_with_state(shared.calls.clone(), detach::run))
            .layer(from_fn(not_grpc::reject))
    }

    /// Returns the routes.
    pub fn into_router(self) -> Router {
        self.router
    }

    /// Returns the types of the layers, outermost first.
    #[must_use]
    pub fn layers(&self) -> &[&'static str] {
        &self.layers
    }
}

/// Returns every route: the stacks, and health and reflection, which need neither caller nor principal, respond under
/// overload, and have limits of their own.
pub(super) fn routes(
    stacks: &[ServiceStack; 3],
    health: &HealthReporter,
    reflection: bool,
    limits: AnonymousStreams,
) -> Result<Router, SettingError> {
    let mut routes = Routes::builder();
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
        routes.add_service(builder().build_v1alpha().map_err(failed)?.max_decoding_message_size(message::MAX_BYTES));
    }
    let [billing_portal, portal_access, unknown] = stacks.each_ref().map(|stack| stack.router.clone());
    let anonymous = routes.routes().into_axum_router().route_layer(from_fn_with_state(limits, anonymous::admit));
    Ok(anonymous.merge(billing_portal).merge(portal_access).fallback_service(unknown))
}

/// Returns the routes of a listener that serves only health. Anyone can call it, so the refusal of every other path costs nothing:
/// it has no layers, no log line and no ErrorInfo.
pub(super) fn health_routes(health: &HealthReporter, limits: AnonymousStreams) -> Router {
    let health = Routes::new(health_server(health)).into_axum_router();
    let unknown =
        || async { tonic::Status::unimplemented("only grpc.health.v1 is served here").into_http::<axum::body::Body>() };
    health.route_layer(from_fn_with_state(limits, anonymous::admit)).fallback(unknown)
}

fn health_server(health: &HealthReporter) -> HealthServer<HealthService> {
    let server = HealthServer::new(HealthService::from_health_reporter(health.clone()));
    server.max_decoding_message_size(message::MAX_BYTES)
}
