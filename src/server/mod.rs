//! Puts the rooms together: the domain over its adapters, behind its layers, on a listener.

mod connections;

use std::{io, sync::Arc, time::Duration};

use axum::{Router, middleware};
use tokio::{net::TcpListener, sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::Routes;
use tonic_health::{
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

use crate::{
    adapters::{
        directory::SqlDirectory,
        flag::{self, Definitions, FileFlag},
    },
    config::{Config, SettingError},
    grpc::{
        auth::{
            interceptor::{AdmitOwner, AdmitPrincipal},
            jwks::Keys,
            token::Verifier,
        },
        caller, health,
        layers::{
            boundary::{self, Boundary},
            deadline,
            load_shed::{self, LoadShed},
            session_rate::SessionRate,
        },
        proto::{self, billing_portal_server::BillingPortalServer, portal_access_server::PortalAccessServer},
        services::{BillingPortalService, PortalAccessService},
    },
    portal::UseCases,
    reload::file::ReloadingFile,
    telemetry::metrics::{self, METRICS},
    wiring::{directory, open},
};

/// The largest message, in bytes.
const MAX_MESSAGE_BYTES: usize = 16 * 1024;

/// How often a database that was never reached is tried again.
const PROBE_PAUSE: Duration = Duration::from_secs(1);

/// How long calls that were cut off may take to write their audit lines, should the disk hang.
const LAST_LINES: Duration = Duration::from_secs(3);

/// A service that is ready to be given a listener.
pub struct Server {
    routes: Router,
    boundary: Boundary,
    draining: CancellationToken,
    cut_off: CancellationToken,
    directory: Arc<SqlDirectory>,
    keys: Arc<Keys>,
    flags: Arc<ReloadingFile<Definitions>>,
    flag_key: String,
    reporter: HealthReporter,
    max_connections: usize,
    drain_timeout: Duration,
}

impl Server {
    /// Opens every file that the settings name.
    ///
    /// # Errors
    /// The setting whose file can't be used; nothing is bound then.
    pub async fn new(config: Config) -> Result<Self, SettingError> {
        let audit = open::audit_log(&config.audit)?;
        let directory = Arc::new(directory::open(&config.directory, config.deadline).await?);
        let flags = Arc::new(
            ReloadingFile::open("--flags-file", config.flags_file.clone(), |bytes| {
                flag::parse(bytes).map_err(|error| error.to_string())
            })
            .await,
        );
        let flags_error = flags.error();
        let use_cases = UseCases {
            flag: Arc::new(FileFlag::new(Arc::clone(&flags), config.flag_key.clone()).await),
            directory: Arc::clone(&directory) as _,
            portal_sessions: Arc::new(open::portal_sessions(&config).await?),
        };
        // The one that may go over the network, and log that it could not yet, comes last.
        let verifier = Arc::new(open::verifier(&config).await?);
        let keys = Arc::clone(&verifier.keys);
        let (draining, cut_off) = (CancellationToken::new(), CancellationToken::new());
        let boundary = Boundary { audit, calls: TaskTracker::new() };
        let gate = LoadShed::new(config.max_in_flight, draining.clone(), cut_off.clone());
        let ours = services(use_cases, &config, verifier)
            // Whoever is not the page's backend is not even told whether a token is good.
            .layer(middleware::from_fn_with_state(Arc::new(config.callers.clone()), caller::admit))
            // The caller's and the server's time, over all that follows.
            .layer(middleware::from_fn_with_state(config.deadline, deadline::enforce))
            // Overload and shutdown come first, for they are about no call in particular.
            .layer(middleware::from_fn_with_state(gate, load_shed::admit))
            // Outside everything, so that every refusal, panic and cancelled call is told and audited.
            .layer(middleware::from_fn_with_state(boundary.clone(), boundary::run));
        let reporter = health::reporter().await;
        // The only file that may be missing at the start, told once every setting is known to be good.
        if let Some(error) = flags_error {
            tracing::warn!(setting = "--flags-file", error, "the feature is off: the flag file is not good yet");
        }
        Ok(Self {
            routes: open_services(&reporter, config.reflection)?.fallback_service(ours),
            boundary,
            draining,
            cut_off,
            directory,
            keys,
            flags,
            flag_key: config.flag_key,
            reporter,
            max_connections: config.max_connections,
            drain_timeout: config.drain_timeout,
        })
    }

    /// Serves until `shutdown` is over, then drains: no new calls, time for those that run, and at its end, or at once when
    /// `hurry` is over, none at all.
    ///
    /// # Errors
    /// When the listener has no address.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
        hurry: impl Future<Output = ()>,
    ) -> io::Result<()> {
        tracing::info!(address = %listener.local_addr()?, "listening");
        let pool = Arc::downgrade(&self.directory);
        metrics::watch_connections(move || pool.upgrade().map(|directory| directory.connections()));
        let (state, watched) = watch::channel(health::State::default());
        let telling = tokio::spawn(health::tell(self.reporter.clone(), watched));
        let watching = tokio::spawn(watch_state(state, self.directory, self.keys, self.flags, self.flag_key));
        let connections = connections::Connections::new(self.routes, self.max_connections);
        connections.accept_until(&listener, shutdown).await;

        tracing::info!(calls = self.boundary.calls.len(), "draining");
        drop(listener);
        self.draining.cancel();
        watching.abort();
        connections.refuse_new_streams();
        self.boundary.calls.close();
        let all_ended = tokio::select! {
            ended = timeout(self.drain_timeout, self.boundary.calls.wait()) => ended.is_ok(),
            () = hurry => false,
        };
        if !all_ended {
            tracing::warn!(calls = self.boundary.calls.len(), "the drain's time is over; calls are cut off");
            self.cut_off.cancel();
            if timeout(LAST_LINES, self.boundary.calls.wait()).await.is_err() {
                tracing::error!(calls = self.boundary.calls.len(), "calls end without their audit line");
            }
        }
        // Its end is what ends the Watch streams.
        drop(telling.await);
        connections.close().await;
        tracing::info!("drained");
        Ok(())
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("boundary", &self.boundary).finish_non_exhaustive()
    }
}

/// Our two services, each behind its interceptor.
fn services(use_cases: UseCases, config: &Config, verifier: Arc<Verifier>) -> Router {
    let portal = BillingPortalService {
        use_cases: use_cases.clone(),
        return_origins: config.return_origins.clone(),
        session_rate: SessionRate::new(config.session_rate),
    };
    let access = PortalAccessService { use_cases };
    let portal = BillingPortalServer::new(portal).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let access = PortalAccessServer::new(access).max_decoding_message_size(MAX_MESSAGE_BYTES);
    Routes::default()
        .add_service(tonic::service::interceptor::InterceptedService::new(portal, AdmitOwner(Arc::clone(&verifier))))
        .add_service(tonic::service::interceptor::InterceptedService::new(access, AdmitPrincipal(verifier)))
        .into_axum_router()
}

/// Health and reflection, which need neither caller nor principal and must answer under overload.
fn open_services(reporter: &HealthReporter, reflection: bool) -> Result<Router, SettingError> {
    let health = HealthServer::new(HealthService::from_health_reporter(reporter.clone()));
    let mut routes = Routes::builder();
    routes.add_service(health.max_decoding_message_size(MAX_MESSAGE_BYTES));
    if reflection {
        let builder = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        };
        let failed = |error: tonic_reflection::server::Error| SettingError::new("--reflection", error);
        routes.add_service(builder().build_v1().map_err(failed)?.max_decoding_message_size(MAX_MESSAGE_BYTES));
        routes.add_service(builder().build_v1alpha().map_err(failed)?.max_decoding_message_size(MAX_MESSAGE_BYTES));
    }
    Ok(routes.routes().into_axum_router())
}

/// Ready once the keys are loaded and the database was reached; a later outage is told in statuses, or every replica would vanish at once.
async fn watch_state(
    state: watch::Sender<health::State>,
    directory: Arc<SqlDirectory>,
    keys: Arc<Keys>,
    flags: Arc<ReloadingFile<Definitions>>,
    flag_key: String,
) {
    keys.loaded().await;
    while let Err(refusal) = directory.probe().await {
        tracing::warn!(cause = %refusal, "not ready: the database was not reached yet");
        tokio::time::sleep(PROBE_PAUSE).await;
    }
    tracing::info!("ready");
    let mut changes = flags.changes();
    loop {
        let flag_could_be_on = flag::could_be_on(changes.borrow_and_update().as_deref(), &flag_key);
        state.send_replace(health::State { ready: true, flag_could_be_on });
        METRICS.flag(flag_could_be_on);
        if changes.changed().await.is_err() {
            return;
        }
    }
}
