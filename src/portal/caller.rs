//! The connection of a call's caller.

use tokio_util::sync::CancellationToken;

use crate::portal::refusal::{Reason, Refusal};

/// Whether the caller is still connected. The connection and the task of the call share it.
#[derive(Clone, Debug, Default)]
pub struct CallerConnection {
    closed: CancellationToken,
}

impl CallerConnection {
    /// Records that the caller disconnected or cancelled. No URL is released afterwards.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Returns whether the caller disconnected or cancelled.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// Checks that the caller is still connected.
    ///
    /// # Errors
    /// CANCELLED.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.is_closed() { Err(cancelled()) } else { Ok(()) }
    }

    /// Waits for a read whose result nobody needs once the caller has disconnected.
    ///
    /// # Errors
    /// CANCELLED when the caller disconnects first; the read is dropped.
    pub async fn unless_closed<T>(&self, read: impl Future<Output = T>) -> Result<T, Refusal> {
        tokio::select! {
            biased;
            result = read => Ok(result),
            () = self.closed.cancelled() => Err(cancelled()),
        }
    }
}

fn cancelled() -> Refusal {
    Refusal::because(Reason::Cancelled, "caller disconnected before the response")
}
