//! Serves an assembled service on a bound listener until a shutdown future completes, then drains.

mod connections;
mod drain;
mod health;

use std::io;

use tokio::{net::TcpListener, sync::watch};

use crate::{grpc, wiring::Service};

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
        let Service { routes, calls, readiness, health, max_connections, drain_timeout, .. } = self.0;
        tracing::info!(address = %listener.local_addr()?, "listening");
        let (state, watched) = watch::channel(grpc::health::State::default());
        let reporting = tokio::spawn(grpc::health::report(health, watched));
        let watching = tokio::spawn(health::watch(state, readiness));
        let connections = connections::Connections::new(routes, max_connections);
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
