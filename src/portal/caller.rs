//! The connection of a call's caller.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::portal::refusal::{Reason, Refusal};

/// Whether the caller is still connected. The connection and the task of the call share it.
#[derive(Clone, Debug, Default)]
pub struct CallerConnection {
    closed: CancellationToken,
    /// Why its message ended early, if it did.
    cause: Arc<OnceLock<String>>,
}

impl CallerConnection {
    /// Records that the caller disconnected or cancelled. No URL is released afterwards.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Records that the message of the caller ended early. `cause` is logged, whenever the disconnect itself is noticed.
    pub fn close_because(&self, cause: impl Into<String>) {
        self.cause.get_or_init(|| cause.into());
        self.close();
    }

    /// Checks that the caller is still connected.
    ///
    /// # Errors
    /// CANCELLED.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.closed.is_cancelled() { Err(self.cancelled()) } else { Ok(()) }
    }

    /// Waits for a read whose result nobody needs once the caller has disconnected.
    ///
    /// # Errors
    /// CANCELLED when the caller disconnects first; the read is dropped.
    pub async fn unless_closed<T>(&self, read: impl Future<Output = T>) -> Result<T, Refusal> {
        tokio::select! {
            biased;
            result = read => Ok(result),
            () = self.closed.cancelled() => Err(self.cancelled()),
        }
    }

    fn cancelled(&self) -> Refusal {
        let cause = self.cause.get().map_or("caller disconnected before the response", String::as_str);
        Refusal::because(Reason::Cancelled, cause)
    }
}
