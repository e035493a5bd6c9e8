//! The real directory, with its queries counted.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use billing_portal::{
    commands,
    portal::{Directory, DirectoryEntry, Refusal, TenantId, UserId},
    server::Server,
    wiring,
};

/// The number of queries of calls. Probes do not count.
#[derive(Clone, Default)]
pub(crate) struct Queries(Arc<AtomicUsize>);

impl Queries {
    /// Returns the number since the last time, and begins again.
    pub(crate) fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

/// Builds the server of a command line, whose calls count their queries.
pub(crate) async fn server(arguments: Vec<String>) -> (Server, Queries) {
    let queries = Queries::default();
    let counted = |directory| Arc::new(Counted { directory, queries: queries.clone() }) as _;
    let service = wiring::build_around(commands::parse(arguments).unwrap().1, counted).await.unwrap();
    (Server::new(service), queries)
}

/// Counts each query, and passes it on.
struct Counted {
    directory: Arc<dyn Directory>,
    queries: Queries,
}

#[async_trait]
impl Directory for Counted {
    async fn look_up(&self, tenant: &TenantId, user: &UserId) -> Result<DirectoryEntry, Refusal> {
        self.queries.0.fetch_add(1, Ordering::SeqCst);
        self.directory.look_up(tenant, user).await
    }
}
