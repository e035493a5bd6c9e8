//! Reading a file on request.

use std::sync::Arc;

use async_trait::async_trait;

use super::{ReloadingFile, Shared};
use crate::reload::Source;

impl<T: Send + Sync + 'static> ReloadingFile<T> {
    /// Returns the file as a source that can be read on request.
    #[must_use]
    pub fn source(&self) -> Arc<dyn Source> {
        Arc::clone(&self.shared) as _
    }
}

#[async_trait]
impl<T: Send + Sync> Source for Shared<T> {
    async fn read_again(&self) {
        let earlier = self.value.borrow().clone();
        // A new secret counts once two readings agree. An error is reported once two readings have failed.
        self.poll().await;
        self.poll().await;
        let changed = self.value.borrow().as_ref().map(Arc::as_ptr) != earlier.as_ref().map(Arc::as_ptr);
        let error = self.seen().failed.as_ref().map(ToString::to_string);
        tracing::info!(setting = self.setting, path = %self.path(), changed, error, "file read again");
    }
}
