//! The current key set: read repeatedly from a file or a URL, and not used when it is too old.

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

/// The current key set. It is not available when it is too old to be trusted.
#[derive(Debug)]
pub struct Keys {
    source: Source,
    max_age: Duration,
}

impl Keys {
    /// Creates the key set from its source. When the source cannot be read for longer than `max_age`, every token is refused.
    #[must_use]
    pub const fn new(source: Source, max_age: Duration) -> Self {
        Self { source, max_age }
    }

    /// Waits until the first valid set is loaded.
    pub async fn loaded(&self) {
        match &self.source {
            // A file that is not valid is a startup error, so its key set is already loaded.
            Source::File(_) => {}
            Source::Url(url) => url.loaded().await,
        }
    }

    /// Returns for how long every token has been refused because the set is too old, or `None` if tokens can be verified.
    #[must_use]
    pub fn failing_for(&self) -> Option<Duration> {
        let age = match &self.source {
            Source::File(file) => file.age(),
            Source::Url(url) => url.age(),
        };
        age?.checked_sub(self.max_age)
    }

    /// Returns the current set, or `None` if there is none that can be trusted.
    #[must_use]
    pub fn current(&self) -> Option<Arc<KeySet>> {
        match &self.source {
            Source::File(file) => file.get_fresh(self.max_age),
            Source::Url(url) => url.get_fresh(self.max_age),
        }
    }

    /// Fetches a set from its URL soon. Called for an unknown `kid`, which the issuer may have just published.
    pub(super) fn refresh_soon(&self) {
        match &self.source {
            Source::File(_) => {}
            Source::Url(url) => url.refresh_soon(),
        }
    }
}
