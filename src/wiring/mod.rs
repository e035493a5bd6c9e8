//! Builds the service from the settings: opens files, pools and clients, and assembles one layer stack per service.
//! Used by the server and by the commands.

pub(crate) mod descriptors;
pub mod open;
mod readiness;
mod reload;
pub mod stacks;
pub(crate) mod tls;

use std::{sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic_health::server::HealthReporter;

use crate::{
    adapters::flag::FileFlag,
    config::{Config, SettingError},
    grpc::{
        auth::interceptor::{AdmitOwner, AdmitPrincipal},
        health,
        layers::{
            anonymous::AnonymousStreams, load_shed::LoadShed, metrics::begin_series, person_limit::PersonLimit,
            session_rate::SessionRate, stack::ServiceStack,
        },
        services::{BillingPortalService, PortalAccessService},
    },
    portal::{Directory, UseCases},
    telemetry::metrics,
};
use readiness::FlagStatus;
pub use readiness::Readiness;
pub use reload::Reload;
pub use stacks::Routes;
use stacks::Shared;
pub use tls::ListenerTls;

/// Everything that a server needs besides a listener.
#[derive(Debug)]
pub struct Service {
    /// Every route, behind its layers.
    pub routes: Routes,
    /// The routes of `--health-listen`: health, and no other service.
    pub health_routes: Routes,
    /// TLS of the listener; `None` for plain text.
    pub tls: Option<Arc<ListenerTls>>,
    /// The calls in flight, and the tokens that end them.
    pub calls: Calls,
    /// The inputs of the health statuses.
    pub readiness: Readiness,
    /// What is read again on request.
    pub reload: Reload,
    /// Reports the health statuses.
    pub health: HealthReporter,
    /// The maximum number of concurrent connections.
    pub max_connections: usize,
    /// The time limit of a drain.
    pub drain_timeout: Duration,
    /// The stacks in `routes`: BillingPortal, PortalAccess, unknown services.
    pub stacks: [ServiceStack; 3],
}

/// The calls in flight, and the tokens that end them.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// Every call that has not ended, including those whose caller has disconnected.
    pub in_flight: TaskTracker,
    /// Cancelled to refuse new calls.
    pub draining: CancellationToken,
    /// Cancelled to cut off the calls that still run.
    pub cut_off: CancellationToken,
}

/// Opens every file that the settings name, and assembles the service.
///
/// # Errors
/// If a file cannot be used; the error names its setting.
pub async fn build(config: Config) -> Result<Service, SettingError> {
    build_around(config, |directory| directory).await
}

/// Does the same for a program that embeds the service: `wrap` puts the directory of the calls into another one, for example one
/// that counts the queries. Readiness depends on the directory of the settings.
///
/// # Errors
/// If a file cannot be used; the error names its setting.
pub async fn build_around(
    config: Config,
    wrap: impl FnOnce(Arc<dyn Directory>) -> Arc<dyn Directory>,
) -> Result<Service, SettingError> {
    let audit = Arc::new(open::audit_log(&config.audit)?);
    let mut sources = open::Sources::new();
    let directory = Arc::new(open::directory(&config.directory, config.limits.deadline, &mut sources).await?);
    let flag_path = config.flag.file.clone();
    let flag = Arc::new(open::flag_file(&config.flag, &mut sources).await);
    let flag_error = flag.error();
    let flag_status = FlagStatus::new(flag.changes(), config.flag.key.clone());
    let use_cases = UseCases {
        flag: Arc::new(FileFlag::new(flag, config.flag.key.clone()).await),
        directory: wrap(Arc::clone(&directory) as _),
        portal_sessions: Arc::new(open::portal_sessions(&config, &mut sources).await?),
    };
    let tls = match &config.tls {
        Some(files) => Some(Arc::new(ListenerTls::open(files, &mut sources).await?)),
        None => None,
    };
    // Opened last, because it may use the network, and may log that the key set cannot be fetched yet.
    let verifier = Arc::new(open::verifier(&config.principal, &mut sources).await?);
    let mut readiness = Readiness {
        directory: Arc::clone(&directory),
        keys: Arc::clone(&verifier.keys),
        flag: flag_status,
        outage_threshold: readiness::OUTAGE_THRESHOLD,
    };
    let pool = Arc::downgrade(&directory);
    begin_series();
    metrics::watch_connections(move || pool.upgrade().map(|directory| directory.connections()));
    let reload = Reload { audit: Arc::downgrade(&audit), sources };
    let calls = Calls::default();
    let shared = Shared {
        calls: calls.in_flight.clone(),
        load: LoadShed::new(config.limits.max_in_flight, calls.draining.clone(), calls.cut_off.clone()),
        people: PersonLimit::default(),
        deadline: config.limits.deadline,
        callers: Arc::new(config.callers),
    };
    let billing_portal = BillingPortalService {
        use_cases: use_cases.clone(),
        return_origins: config.return_origins,
        session_rate: SessionRate::new(config.limits.session_rate),
    };
    let stacks = [
        stacks::billing_portal(billing_portal, AdmitOwner(Arc::clone(&verifier)), audit, &shared),
        stacks::portal_access(PortalAccessService { use_cases }, AdmitPrincipal(verifier), &shared),
        stacks::unknown(&shared),
    ];
    let health = health::reporter().await;
    // The flag file is the only one that may be missing or invalid at startup. This is logged only after every other
    // setting is known to be valid.
    if let Some(error) = flag_error {
        let path = flag_path.display();
        tracing::warn!(setting = "--flags-file", %path, %error, "feature is off: flag file is not valid yet");
    }
    readiness.flag_could_be_on();
    let anonymous = AnonymousStreams::new(config.limits.max_connections);
    let anonymous_elsewhere = AnonymousStreams::new(descriptors::HEALTH_CONNECTIONS);
    Ok(Service {
        health_routes: stacks::health_routes(&health, anonymous_elsewhere),
        routes: Routes::new(stacks.clone(), &health, config.listener.reflection, anonymous)?,
        tls,
        calls,
        readiness,
        reload,
        health,
        max_connections: config.limits.max_connections,
        drain_timeout: config.limits.drain_timeout,
        stacks,
    })
}
