//! Serves an assembled service on a bound listener until a shutdown future completes, then drains.

mod at_limit;
mod connection;
mod connections;
mod drain;
mod establish;
mod health;
mod idle;
mod refused;

use std::{io, sync::Arc};

use tokio::{net::TcpListener, sync::watch};

use crate::{grpc, supervisor, wiring::Service};

/// An assembled service that can serve one listener.
#[derive(Debug)]
pub struct Server(Service);

impl Server {
    /// Creates a server for the assembled service.
    #[must_use]
    pub fn new(service: Service) -> Self {
        Self(service)
    }

    /// Serves until `shutdown` completes, then drains: new calls are refused, and calls in flight may finish. They are
    /// cut off when the time limit of the drain is exceeded, or when `stop_waiting` completes.
    ///
    /// # Errors
    /// If the address of the listener cannot be read.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
        stop_waiting: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let Service { routes, tls, calls, readiness, health, max_connections, drain_timeout, .. } = self.0;
        tracing::info!(address = %listener.local_addr()?, tls = tls.is_some(), "listening");
        let state = Arc::new(watch::Sender::new(grpc::health::State::default()));
        let watched = state.subscribe();
        let reporting =
            supervisor::spawn("health report", move || grpc::health::report(health.clone(), watched.clone()));
        let probed = readiness.clone();
        let _probing = supervisor::spawn("directory probe", move || probed.clone().probe_directory());
        let watching = supervisor::spawn("health", move || health::watch(Arc::clone(&state), readiness.clone()));
        let connections = connections::Connections::new(routes, tls, max_connections);
        connections.accept_until(&listener, shutdown).await;

        tracing::info!(calls = calls.in_flight.len(), "draining");
        drop(listener);
        calls.draining.cancel();
        watching.abort();
        connections.refuse_new_streams();
        drain::calls(&calls, drain_timeout, stop_waiting).await;
        // Ends the Watch streams, which would keep their connections open.
        drop(reporting.await);
        connections.close().await;
        tracing::info!("drained");
        Ok(())
    }
}
