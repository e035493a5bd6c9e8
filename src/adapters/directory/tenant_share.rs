//! The share of the connections that one tenant may use. Slow queries of one tenant must not use up the connections of all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::failure::{Failure, FailureKind};

/// One tenant may use a quarter of the connections.
const SHARE: usize = 4;

/// Limits the concurrent queries of each tenant.
pub(super) struct TenantShares {
    per_tenant: usize,
    /// The tenants that use connections now or wait for one.
    tenants: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
}

/// A connection's worth of a tenant's share. Keep it until the query has ended at the server.
pub(super) struct TenantShare {
    permit: Option<OwnedSemaphorePermit>,
    tenant: String,
    tenants: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
}

impl TenantShares {
    /// Divides the maximum number of connections.
    pub(super) fn of(max_connections: usize) -> Self {
        Self { per_tenant: (max_connections / SHARE).max(1), tenants: Arc::default() }
    }

    /// Waits until the tenant uses less than its share.
    ///
    /// # Errors
    /// [`FailureKind::TenantShare`] after `limit`.
    pub(super) async fn acquire(&self, tenant: &str, limit: Duration) -> Result<TenantShare, Failure> {
        let semaphore = {
            let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(tenants.entry(tenant.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.per_tenant))))
        };
        // Created first, so that its destructor also removes the entry of a tenant that stops waiting.
        let mut share = TenantShare { permit: None, tenant: tenant.to_owned(), tenants: Arc::clone(&self.tenants) };
        share.permit = timeout(limit, semaphore.acquire_owned()).await.ok().and_then(Result::ok);
        if share.permit.is_some() { Ok(share) } else { Err(FailureKind::TenantShare.into()) }
    }
}

impl Drop for TenantShare {
    fn drop(&mut self) {
        drop(self.permit.take());
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's own reference is the last one when nobody uses the share or waits for it.
        if tenants.get(&self.tenant).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            tenants.remove(&self.tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tenant_waits_for_its_own_share_and_leaves_no_entry() {
        let shares = TenantShares::of(8);
        let acme = [
            shares.acquire("acme", Duration::ZERO).await.unwrap(),
            shares.acquire("acme", Duration::ZERO).await.unwrap(),
        ];
        assert!(shares.acquire("acme", Duration::ZERO).await.is_err());
        let globex = shares.acquire("globex", Duration::ZERO).await.unwrap();
        let waiting = shares.acquire("acme", Duration::from_secs(10));
        drop(acme);
        drop((waiting.await.unwrap(), globex));
        assert!(shares.tenants.lock().unwrap().is_empty());
        assert_eq!(TenantShares::of(1).per_tenant, 1);
    }
}
