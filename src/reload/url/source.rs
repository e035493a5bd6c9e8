//! Fetching a document on request.

use std::sync::Arc;

use async_trait::async_trait;

use super::{ReloadingUrl, Shared};
use crate::reload::Source;

impl<T: Send + Sync + 'static> ReloadingUrl<T> {
    /// Returns the document as a source that can be fetched on request.
    #[must_use]
    pub fn source(&self) -> Arc<dyn Source> {
        Arc::clone(&self.shared) as _
    }
}

#[async_trait]
impl<T: Send + Sync> Source for Shared<T> {
    async fn read_again(&self) {
        let earlier = self.latest().document.clone();
        let outcome = self.refresh().await;
        let error = outcome.as_ref().err().map(ToString::to_string);
        self.log(outcome);
        let changed = self.latest().document != earlier;
        tracing::info!(setting = self.setting, url = %self.url, changed, error, "document fetched again");
    }
}
