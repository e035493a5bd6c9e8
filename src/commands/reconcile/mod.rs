//! `reconcile`: compares the portal sessions that Stripe reports with the audit entries of the service. A session without an
//! entry was made around the service: with a leaked key, by something else that uses the account, or in the dashboard.

mod comparison;
mod entries;
mod finding;
mod unanswered;

use std::time::SystemTime;

use comparison::Comparison;
use entries::AuditedSessions;

use crate::{
    adapters::stripe::{Mode, StripeObjects, is_too_large},
    commands::{
        Failure, ReconcileOptions,
        progress::print_line,
        report::{self, Row as _, Severity},
        retries::with_retries,
        tenants::TenantsError,
    },
    config::Config,
    portal::{Recheck, Refusal},
    wiring::open,
};

/// The events of a page, at most: as many as Stripe allows.
const PAGE: usize = 100;

/// Reads the audit entries and then the events, prints the findings, and returns whether nothing must be fixed.
///
/// # Errors
/// An unusable setting, or why the events cannot be read. There is no report then.
pub(super) async fn run(config: &Config, options: &ReconcileOptions) -> Result<bool, Failure> {
    let comparison = options.comparison.validate()?;
    let objects = open::service_objects(config).await?;
    let now = SystemTime::now();
    // Neither is before the Unix epoch, because the durations are limited.
    let (since, until) = (now - comparison.since, now - comparison.until);
    let mut comparison = Comparison::new(AuditedSessions::read(comparison.audit, since)?, since, until);
    let read = compare_events(&objects, config.stripe.sessions.mode, since, &mut comparison).await;
    read.map_err(|refusal| match refusal.reason().recheck() {
        Recheck::RefusedUntilKeyChanges => {
            Failure::of("run ended early", TenantsError::Key("--stripe-secret-key-file", refusal))
        }
        Recheck::SameUntilDataChanges | Recheck::MayPass | Recheck::Unknown => Failure::of("run ended early", refusal),
    })?;
    let (findings, summary) = comparison.end();
    print_line(&summary);
    report::print(&findings, options.format).map_err(|error| Failure::of("report cannot be written", error))?;
    Ok(findings.iter().all(|finding| finding.severity() != Severity::Failure))
}

/// Reads every event since a time, page by page.
async fn compare_events(
    objects: &StripeObjects,
    mode: Mode,
    since: SystemTime,
    comparison: &mut Comparison,
) -> Result<(), Refusal> {
    let (mut limit, mut after) = (PAGE, None::<String>);
    loop {
        let read = async || objects.created_sessions(mode, since, limit, after.as_deref()).await;
        let page = match with_retries(None, read).await {
            // A response may have 64 KiB, as every response. A page of usual events has about as much.
            Err(refusal) if limit > 1 && is_too_large(&refusal) => {
                limit /= 2;
                continue;
            }
            page => page?,
        };
        for session in page.sessions {
            comparison.compare(&session);
        }
        match page.next {
            Some(event) => after = Some(event),
            None => return Ok(()),
        }
    }
}
