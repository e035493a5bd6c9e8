//! The check of one tenant's mapping at Stripe, with retries.

use std::time::Duration;

use crate::{
    adapters::stripe::StripePortalSessions,
    portal::{CustomerId, Recheck, Refusal, TenantId},
    telemetry::milliseconds,
};

/// The pause before the first retry. It doubles for each further retry.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The maximum number of retries for one customer.
const MAX_RETRIES: u32 = 5;

/// A tenant and the customer that must name it.
pub(super) struct PendingCheck {
    pub(super) tenant: TenantId,
    pub(super) customer: CustomerId,
}

/// Reads the customer and verifies that it names the tenant. `timeout` is the time limit of each read.
///
/// # Errors
/// The refusal that a call for this tenant would receive.
pub(super) async fn verify_with_retries(
    portal_sessions: &StripePortalSessions,
    pending: &PendingCheck,
    timeout: Duration,
) -> Result<(), Refusal> {
    let mut pauses = (0..MAX_RETRIES).map(|retry| FIRST_PAUSE * 2_u32.pow(retry));
    loop {
        let refusal = match verify(portal_sessions, pending, timeout).await {
            Ok(()) => return Ok(()),
            Err(refusal) => refusal,
        };
        let pause = match refusal.reason().recheck() {
            Recheck::MayPass => pauses.next(),
            Recheck::SameUntilDataChanges | Recheck::RefusedUntilKeyChanges | Recheck::Unknown => None,
        };
        let Some(pause) = pause else { return Err(refusal) };
        tracing::warn!(cause = %refusal, pause_ms = milliseconds(pause), "customer cannot be read; retrying after a pause");
        tokio::time::sleep(pause).await;
    }
}

async fn verify(
    portal_sessions: &StripePortalSessions,
    pending: &PendingCheck,
    timeout: Duration,
) -> Result<(), Refusal> {
    let recorded = portal_sessions.inspect_customer(&pending.customer, timeout).await?;
    recorded.verify(&pending.tenant, &pending.customer).map(drop)
}
