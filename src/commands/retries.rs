//! Retries of what a long command reads at Stripe, such as the customer of one of many tenants.

use std::time::Duration;

use crate::{
    portal::{Recheck, Refusal, TenantId},
    telemetry::milliseconds,
};

/// The pause before the first retry. It doubles for each further retry.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The maximum number of retries of one read.
const MAX_RETRIES: u32 = 5;

/// Repeats a check while its refusal says that a later one may pass. The log names the tenant, if there is one.
///
/// # Errors
/// The refusal of the last check.
pub async fn with_retries<T>(
    tenant: Option<&TenantId>,
    check: impl AsyncFn() -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let mut pauses = (0..MAX_RETRIES).map(|retry| FIRST_PAUSE * 2_u32.pow(retry));
    loop {
        let refusal = match check().await {
            Ok(checked) => return Ok(checked),
            Err(refusal) => refusal,
        };
        let pause = match refusal.reason().recheck() {
            Recheck::MayPass => pauses.next(),
            Recheck::SameUntilDataChanges | Recheck::RefusedUntilKeyChanges | Recheck::Unknown => None,
        };
        let Some(pause) = pause else { return Err(refusal) };
        let (tenant, pause_ms) = (tenant.map(TenantId::as_str), milliseconds(pause));
        tracing::warn!(tenant, cause = %refusal, pause_ms, "check at Stripe failed; retrying after a pause");
        tokio::time::sleep(pause).await;
    }
}
