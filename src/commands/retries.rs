//! Retries of the check of one tenant at Stripe, for commands that check many.

use std::time::Duration;

use crate::{
    portal::{Recheck, Refusal, TenantId},
    telemetry::milliseconds,
};

/// The pause before the first retry. It doubles for each further retry.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The maximum number of retries for one customer.
const MAX_RETRIES: u32 = 5;

/// Repeats the check of a tenant while its refusal says that a later one may pass.
///
/// # Errors
/// The refusal of the last check.
pub async fn with_retries<T>(tenant: &TenantId, check: impl AsyncFn() -> Result<T, Refusal>) -> Result<T, Refusal> {
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
        let (tenant, pause_ms) = (tenant.as_str(), milliseconds(pause));
        tracing::warn!(tenant, cause = %refusal, pause_ms, "customer cannot be checked; retrying after a pause");
        tokio::time::sleep(pause).await;
    }
}
