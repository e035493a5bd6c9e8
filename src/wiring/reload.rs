//! Reads everything again that can change while the process runs, for an operator who does not want to wait.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::timeout;

use crate::{adapters::audit_log::JsonAuditLog, reload::Source};

/// The time limit. A file system that does not respond must not prevent the next reload.
const RELOAD_LIMIT: Duration = Duration::from_secs(15);

/// What is read again on request.
#[derive(Clone)]
pub struct Reload {
    /// Dropped with the last call, which writes the last entries.
    pub(super) audit: Weak<JsonAuditLog>,
    pub(super) sources: Vec<Arc<dyn Source>>,
}

impl Reload {
    /// Opens the audit file again and reads every file and URL. Logs one line for each.
    pub async fn run(&self) {
        let sources = join_all(self.sources.iter().map(|source| source.read_again()));
        if timeout(RELOAD_LIMIT, async { tokio::join!(self.reopen_audit_log(), sources) }).await.is_err() {
            tracing::error!(limit_s = RELOAD_LIMIT.as_secs(), "files or URLs were not read in time");
        }
    }

    /// The log itself logs its success.
    async fn reopen_audit_log(&self) {
        let Some(audit) = self.audit.upgrade() else { return };
        if let Err(error) = audit.reopen().await {
            tracing::error!(setting = "--audit", %error, "audit file not reopened");
        }
    }
}

impl std::fmt::Debug for Reload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reload").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}
