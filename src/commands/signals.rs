//! The signals that ask a process to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::commands::failure::Failure;

/// SIGTERM and SIGINT. They no longer end the process once this exists.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Receives the signals from now on.
    ///
    /// # Errors
    /// [`Failure`] if the system does not allow it.
    pub fn receive() -> Result<Self, Failure> {
        Ok(Self { terminate: receive(SignalKind::terminate())?, interrupt: receive(SignalKind::interrupt())? })
    }

    /// Waits for the next of them.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

pub(super) fn receive(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::of("signals cannot be received", error))
}
