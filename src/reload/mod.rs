//! Values that are read again while the process runs, from a file or from an https URL.

pub(crate) mod exchange_limit;
pub mod file;
mod status;
pub mod url;

use async_trait::async_trait;

/// A file or a URL that can also be read on request.
#[async_trait]
pub trait Source: Send + Sync {
    /// Reads the source now, and logs one line with what was found.
    async fn read_again(&self);
}
