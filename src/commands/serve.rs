//! `serve`: serves gRPC until a signal is received.

use std::{net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind},
    sync::Mutex,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    commands::{
        failure::Failure,
        signals::{StopSignals, receive},
    },
    config::Config,
    server::Server,
    supervisor, wiring,
};

/// The time that calls have to end after a second signal cut them off, including their audit entries.
const CUT_OFF_GRACE: Duration = Duration::from_secs(5);

/// Serves until SIGTERM or SIGINT, then drains; a second signal ends the drain. SIGHUP opens the audit file again and
/// reads every file and URL.
///
/// # Errors
/// [`Failure`] if the service cannot start, or if serving fails.
pub async fn run(config: Config) -> Result<ExitCode, Failure> {
    // Received before anything else is done, because the default action of this signal is to end the process.
    let hangup = receive(SignalKind::hangup())?;
    let (address, health_address) = (config.listener.address, config.listener.health_address);
    wiring::descriptors::ensure(&config.limits, config.directory.max_connections, health_address.is_some())?;
    let service = wiring::build(config).await?;
    let _reloads = reload_on(hangup, service.reload.clone());
    let stop = StopSignals::receive()?;
    let listener = bind("--listen", address).await?;
    let mut server = Server::new(service);
    if let Some(address) = health_address {
        server = server.with_health_listener(bind("--health-listen", address).await?);
    }
    let (drain, end_drain) = (CancellationToken::new(), CancellationToken::new());
    let signals = tokio::spawn(handle_signals(stop, drain.clone(), end_drain.clone()));
    tokio::select! {
        served = server.serve(listener, drain.cancelled(), end_drain.cancelled()) => {
            served.map_err(|error| Failure::of("serving failed", error))?;
        }
        // A process that cannot be asked to stop must not stay: its signals cannot be received a second time.
        Err(error) = signals => return Err(Failure::of("signals are no longer handled", error)),
    }
    Ok(if end_drain.is_cancelled() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| Failure::of(format!("{setting}: cannot listen on {address}"), error))
}

/// Reloads at each signal, until the handle is dropped.
fn reload_on(hangup: Signal, reload: wiring::Reload) -> AbortOnDropHandle<()> {
    // A parser that panics ends one reload, but not the process.
    let shared = Arc::new((Mutex::new(hangup), reload));
    supervisor::spawn("reload", move || {
        let shared = Arc::clone(&shared);
        async move {
            let (hangup, reload) = &*shared;
            while hangup.lock().await.recv().await.is_some() {
                reload.run().await;
            }
        }
    })
}

async fn handle_signals(mut stop: StopSignals, drain: CancellationToken, end_drain: CancellationToken) {
    stop.next().await;
    drain.cancel();
    stop.next().await;
    tracing::warn!("second signal ends the drain");
    end_drain.cancel();
    // If the process does not end on its own within this time, it exits. A third signal makes it exit immediately.
    drop(tokio::time::timeout(CUT_OFF_GRACE, stop.next()).await);
    std::process::exit(1);
}
