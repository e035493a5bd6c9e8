//! The tenants of the directory, one page after the other: what the directory or an earlier run decides, and what must be
//! checked at Stripe, concurrently.

use std::{io, time::Duration};

use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use crate::{
    adapters::directory::{SqlDirectory, TenantMapping},
    commands::{
        progress::Progress,
        resume::{CheckedRow, ResumeFile},
    },
    config::SettingError,
    portal::{CustomerId, Mapping, Reason, Recheck, Refusal, TenantId},
};

/// The maximum number of concurrent checks; `--stripe-rate` limits how many requests start per second.
const MAX_CONCURRENT_CHECKS: usize = 16;

/// The time limit for reading one page of mappings from the directory.
pub const DIRECTORY_TIMEOUT: Duration = Duration::from_secs(600);

/// Why a run over all tenants ends early, or its report is not printed.
#[derive(Debug, thiserror::Error)]
pub enum TenantsError {
    /// A file named by a setting cannot be used.
    #[error("{0}")]
    Setting(#[from] SettingError),
    /// The directory query failed.
    #[error("{0}; check DATABASE_URL, the relations and their columns")]
    Directory(#[source] Refusal),
    /// Stripe refused the key in the file of this setting.
    #[error("{1}; check the key in {0} and its permissions")]
    Key(&'static str, #[source] Refusal),
    /// A row cannot be added to the resume file.
    #[error("--resume: the file cannot be written: {0}; check its file system")]
    Resume(#[source] io::Error),
    /// The resume file cannot be deleted after a complete run.
    #[error("--resume: {0}; delete the file, because a later run would skip what it contains")]
    CompletedResume(#[source] io::Error),
    /// The report cannot be written to standard output.
    #[error("{0}")]
    Output(#[source] io::Error),
}

/// A tenant and the customer that must name it.
#[derive(Clone, Debug)]
pub struct MappedTenant {
    /// The tenant.
    pub tenant: TenantId,
    /// Its customer in the directory.
    pub customer: CustomerId,
}

/// Checks every tenant. `check` runs at Stripe, for tenants that the directory maps without contradiction. Its row is saved
/// in the resume file, and so is a refusal that is the same until data changes. `record` receives the row of each tenant, or
/// `None` for a tenant without a billing account. After `stop`, no further check is started. `key_setting` names the file
/// with the key of the checks.
///
/// # Errors
/// [`TenantsError`]. The run ends if Stripe refuses the key.
pub async fn check_all<F>(
    directory: &SqlDirectory,
    mut resume: Option<&mut ResumeFile>,
    stop: &CancellationToken,
    key_setting: &'static str,
    check: impl Fn(MappedTenant) -> F,
    mut record: impl FnMut(Option<CheckedRow>),
) -> Result<(), TenantsError>
where
    F: Future<Output = Result<CheckedRow, Refusal>>,
{
    let mut progress = Progress::begin(directory.rows().await.map_err(TenantsError::Directory)?);
    let mut position = None;
    let outcome = loop {
        let page = match directory.mappings_page(position).await {
            Ok(page) => page,
            Err(refusal) => break Err(TenantsError::Directory(refusal)),
        };
        let rows = page.tenants.len();
        let pending = without_stripe(page.tenants, resume.as_deref(), &mut record);
        progress.advance(rows - pending.len());
        let checked = at_stripe(pending, resume.as_deref_mut(), stop, key_setting, &check, |row| {
            progress.advance(1);
            record(Some(row));
        });
        if let Err(error) = checked.await {
            break Err(error);
        }
        position = page.next;
        if position.is_none() || stop.is_cancelled() {
            break Ok(());
        }
    };
    progress.end();
    outcome
}

/// Records the results that need no check at Stripe, from the directory alone or from an earlier run, and returns the tenants
/// that must be checked at Stripe.
fn without_stripe(
    rows: Vec<TenantMapping>,
    resume: Option<&ResumeFile>,
    record: &mut impl FnMut(Option<CheckedRow>),
) -> Vec<MappedTenant> {
    let mut pending = Vec::new();
    for TenantMapping { tenant, customer, mapping } in rows {
        let broken = |detail: &str| {
            let reason = Reason::MappingIntegrity.as_str().to_owned();
            let detail = Some(detail.to_owned());
            Some(CheckedRow { tenant: tenant.clone(), customer: customer.clone(), reason, detail, evidence: None })
        };
        match (TenantId::parse(&tenant), mapping) {
            (_, Mapping::None) => record(None),
            (_, Mapping::Broken(how)) => record(broken(how.as_str())),
            // A token cannot contain this tenant id, so nobody can open the portal of this customer.
            (None, Mapping::Customer(_)) => record(broken("malformed_tenant")),
            (Some(tenant), Mapping::Customer(customer)) => {
                match resume.and_then(|file| file.checked_row(tenant.as_str(), customer.as_str())) {
                    Some(row) => record(Some(row)),
                    None => pending.push(MappedTenant { tenant, customer }),
                }
            }
        }
    }
    pending
}

/// Checks the pending tenants at Stripe. After an error, no further check is started, but those in progress end: they may
/// change something at Stripe.
async fn at_stripe<F>(
    pending: Vec<MappedTenant>,
    mut resume: Option<&mut ResumeFile>,
    stop: &CancellationToken,
    key_setting: &'static str,
    check: impl Fn(MappedTenant) -> F,
    mut record: impl FnMut(CheckedRow),
) -> Result<(), TenantsError>
where
    F: Future<Output = Result<CheckedRow, Refusal>>,
{
    let stop = stop.child_token();
    let mut ended = Ok(());
    let mut end_with = |error: TenantsError| {
        stop.cancel();
        if ended.is_ok() {
            ended = Err(error);
        }
    };
    let pending = stream::iter(pending).take_until(stop.cancelled());
    let checks = pending.map(|mapped| {
        let checked = check(mapped.clone());
        async move { (mapped, checked.await) }
    });
    let mut checks = std::pin::pin!(checks.buffer_unordered(MAX_CONCURRENT_CHECKS));
    while let Some((mapped, outcome)) = checks.next().await {
        let (row, is_final) = match outcome {
            Ok(row) => (row, true),
            Err(refusal) => {
                let row = CheckedRow::refused(mapped.tenant.as_str(), mapped.customer.as_str(), &refusal);
                match refusal.reason().recheck() {
                    // A later run with the same data has the same result.
                    Recheck::SameUntilDataChanges => (row, true),
                    Recheck::Unknown | Recheck::MayPass => (row, false),
                    // Every further check would be refused as well.
                    Recheck::RefusedUntilKeyChanges => {
                        end_with(TenantsError::Key(key_setting, refusal));
                        (row, false)
                    }
                }
            }
        };
        if let Some(file) = resume.as_deref_mut().filter(|_| is_final)
            && let Err(error) = file.add(&row)
        {
            end_with(TenantsError::Resume(error));
        }
        record(row);
    }
    ended
}
