//! Serves an assembled service on a bound listener until a shutdown future completes, then drains.

mod connection;
mod connections;
mod drain;
mod establish;
mod health;
mod idle;
mod late;
mod not_established;
mod per_minute;
mod refused;

use std::{io, sync::Arc};

use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use crate::{
    grpc, supervisor,
    wiring::{Routes, Service, descriptors::HEALTH_CONNECTIONS},
};
use connections::Connections;

/// An assembled service that can serve one listener, and health on another.
#[derive(Debug)]
pub struct Server {
    service: Service,
    /// Serves only health, for probes that cannot use the other listener.
    health_listener: Option<TcpListener>,
}

impl Server {
    /// Creates a server for the assembled service.
    #[must_use]
    pub fn new(service: Service) -> Self {
        Self { service, health_listener: None }
    }

    /// Adds a listener that serves only health, in plain text.
    #[must_use]
    pub fn with_health_listener(self, listener: TcpListener) -> Self {
        Self { health_listener: Some(listener), ..self }
    }

    /// Serves until `shutdown` completes, then drains: new calls are refused, and calls in flight may finish. They are
    /// cut off when the time limit of the drain is exceeded, or when `stop_waiting` completes. Health is served on its own
    /// listener until the drain has ended.
    ///
    /// # Errors
    /// If the address of a listener cannot be read.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
        stop_waiting: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let Service { routes, tls, health_routes, calls, readiness, health, max_connections, drain_timeout, .. } =
            self.service;
        if let Some(listener) = &self.health_listener {
            tracing::info!(address = %listener.local_addr()?, "listening for health checks");
        }
        tracing::info!(address = %listener.local_addr()?, tls = tls.is_some(), "listening");
        let state = Arc::new(watch::Sender::new(grpc::health::State::default()));
        let (watched, reporter) = (state.subscribe(), health.clone());
        let reporting =
            supervisor::spawn("health report", move || grpc::health::report(reporter.clone(), watched.clone()));
        let probed = readiness.clone();
        let _probing = supervisor::spawn("directory probe", move || probed.clone().probe_directory());
        let watching = supervisor::spawn("health", move || health::watch(Arc::clone(&state), readiness.clone()));
        let drained = CancellationToken::new();
        let serve_calls = async {
            let connections = Connections::new(routes, tls, max_connections, "--max-connections");
            connections.accept_until(&listener, shutdown).await;

            tracing::info!(calls = calls.in_flight.len(), "draining");
            drop(listener);
            calls.draining.cancel();
            watching.abort();
            connections.refuse_new_streams();
            drain::calls(&calls, drain_timeout, stop_waiting).await;
            drop(reporting.await);
            drained.cancel();
            grpc::health::end_watches(health).await;
            connections.close().await;
        };
        tokio::join!(serve_calls, serve_health(self.health_listener, health_routes, &drained));
        tracing::info!("drained");
        Ok(())
    }
}

/// Serves health on its own listener, if there is one, until the drain has ended: a probe then reads NOT_SERVING instead of being
/// refused.
async fn serve_health(listener: Option<TcpListener>, routes: Routes, drained: &CancellationToken) {
    let Some(listener) = listener else { return };
    let connections =
        Connections::new(routes, None, HEALTH_CONNECTIONS, "maximum number of connections to --health-listen");
    connections.accept_until(&listener, drained.cancelled()).await;
    drop(listener);
    connections.refuse_new_streams();
    connections.close().await;
}
