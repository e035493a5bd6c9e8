//! The real directory, with its queries counted.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use async_trait::async_trait;
use billing_portal::{
    config::Config,
    portal::{Directory, DirectoryEntry, Refusal, TenantId, UserId},
    server::Server,
    wiring,
};

/// Receives the user of a query, and when it began.
type Watch = Box<dyn Fn(&str, Instant) + Send + Sync>;

/// The number of queries of calls. Probes do not count.
#[derive(Clone, Default)]
pub(crate) struct Queries {
    count: Arc<AtomicUsize>,
    watch: Arc<OnceLock<Watch>>,
}

impl Queries {
    /// Returns the number since the last time, and begins again.
    pub(crate) fn take(&self) -> usize {
        self.count.swap(0, Ordering::SeqCst)
    }

    /// From now on, calls `watch` when a query has ended, before the call that sent it continues.
    pub(crate) fn watch(&self, watch: impl Fn(&str, Instant) + Send + Sync + 'static) {
        assert!(self.watch.set(Box::new(watch)).is_ok(), "the queries are already watched");
    }
}

/// Builds the server of a configuration, whose calls count their queries.
pub(crate) async fn server(config: Config) -> (Server, Queries) {
    let queries = Queries::default();
    let counted = |directory| Arc::new(Counted { directory, queries: queries.clone() }) as _;
    (Server::new(wiring::build_around(config, counted).await.unwrap()), queries)
}

/// Counts each query, and passes it on.
struct Counted {
    directory: Arc<dyn Directory>,
    queries: Queries,
}

#[async_trait]
impl Directory for Counted {
    async fn look_up(&self, tenant: &TenantId, user: &UserId) -> Result<DirectoryEntry, Refusal> {
        self.queries.count.fetch_add(1, Ordering::SeqCst);
        let from = Instant::now();
        let entry = self.directory.look_up(tenant, user).await;
        if let Some(watch) = self.queries.watch.get() {
            watch(user.as_str(), from);
        }
        entry
    }
}
