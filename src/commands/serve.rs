//! `serve`: serves gRPC until a signal.

use std::{process::ExitCode, time::Duration};

use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{commands::failure::Failure, config::Config, server::Server, wiring};

/// How long calls that a second signal has cut off may take to end, including their audit entries.
const CUT_OFF_GRACE: Duration = Duration::from_secs(5);

/// Serves until the first signal, then drains; a second signal ends the drain.
///
/// # Errors
/// [`Failure`]: nothing was served, or serving ended.
pub async fn run(config: Config) -> Result<ExitCode, Failure> {
    let address = config.listener.address;
    let service = wiring::build(config).await?;
    let (terminate, interrupt) = signal(SignalKind::terminate())
        .and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)))
        .map_err(|error| Failure::of("signals cannot be received", error))?;
    let listener =
        TcpListener::bind(address).await.map_err(|error| Failure::of(format!("cannot listen on {address}"), error))?;
    let (drain, hurry) = (CancellationToken::new(), CancellationToken::new());
    tokio::spawn(handle_signals(terminate, interrupt, drain.clone(), hurry.clone()));
    let served = Server::new(service).serve(listener, drain.cancelled(), hurry.cancelled()).await;
    served.map_err(|error| Failure::of("serving failed", error))?;
    Ok(if hurry.is_cancelled() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn handle_signals(
    mut terminate: Signal,
    mut interrupt: Signal,
    drain: CancellationToken,
    hurry: CancellationToken,
) {
    either(&mut terminate, &mut interrupt).await;
    drain.cancel();
    either(&mut terminate, &mut interrupt).await;
    tracing::warn!("second signal ends the drain");
    hurry.cancel();
    // Anything that still keeps the process alive after this is not worth waiting for.
    drop(tokio::time::timeout(CUT_OFF_GRACE, either(&mut terminate, &mut interrupt)).await);
    std::process::exit(1);
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
