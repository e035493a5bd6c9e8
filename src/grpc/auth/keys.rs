//! The current key set: read again from a file or a URL, and refused when it is too old.

use std::{sync::Arc, time::Duration};

use crate::{
    grpc::auth::jwks::KeySet,
    reload::{file::ReloadingFile, url::ReloadingUrl},
};

/// Where the key set is read from.
#[derive(Debug)]
pub enum Source {
    /// A file, read several times per second.
    File(ReloadingFile<KeySet>),
    /// An https URL, fetched periodically.
    Url(ReloadingUrl<KeySet>),
}

/// The current key set, unless it is too old to be trusted.
#[derive(Debug)]
pub struct Keys {
    source: Source,
    max_age: Duration,
}

impl Keys {
    /// Takes the source, and how long the set may fail to be read before every token is refused.
    #[must_use]
    pub const fn new(source: Source, max_age: Duration) -> Self {
        Self { source, max_age }
    }

    /// Waits until the first valid set is loaded.
    pub async fn loaded(&self) {
        match &self.source {
            // A file that is not valid stops the start.
            Source::File(_) => {}
            Source::Url(url) => url.loaded().await,
        }
    }

    /// The number of usable keys; `None` without a set that can be trusted.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        self.current().map(|keys| keys.len())
    }

    pub(super) fn current(&self) -> Option<Arc<KeySet>> {
        match &self.source {
            Source::File(file) => file.get_fresh(self.max_age),
            Source::Url(url) => url.get_fresh(self.max_age),
        }
    }

    /// Fetches the set soon: a `kid` that does not match any key may have been published just now.
    pub(super) fn refresh_soon(&self) {
        match &self.source {
            Source::File(_) => {}
            Source::Url(url) => url.refresh_soon(),
        }
    }
}
