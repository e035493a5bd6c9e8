//! `audit-mapping`: checks the mapping of every tenant against its Stripe customer, by the same rules as a call.

use std::{io, time::Duration};

use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use crate::{
    adapters::{
        directory::{SqlDirectory, TenantMapping},
        stripe::StripePortalSessions,
    },
    commands::{
        cli::AuditMappingOptions,
        progress::{Progress, print_line},
        report::{self, Row, Severity},
        resume::{CheckedRow, ResumeFile, RunSettings},
        verification::{PendingCheck, verify_with_retries},
    },
    config::{Config, SettingError},
    portal::{Mapping, Reason, Recheck, Refusal, TenantId},
    wiring::open,
};

/// The maximum number of concurrent reads; `--stripe-rate` limits how many start per second.
const MAX_CONCURRENT_READS: usize = 16;

/// The time limit for reading one page of mappings from the directory.
const DIRECTORY_TIMEOUT: Duration = Duration::from_secs(600);

/// Why no report is printed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file named by a setting cannot be used.
    #[error("{0}")]
    Setting(#[from] SettingError),
    /// The directory query failed, or Stripe refused the key.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The resume file cannot be written or deleted.
    #[error("--resume: the file cannot be written: {0}")]
    Resume(#[source] io::Error),
    /// The report cannot be written to standard output.
    #[error("the report cannot be written: {0}")]
    Output(#[source] io::Error),
}

/// A tenant whose owners cannot open the portal, and the reason that a call would be refused with.
#[derive(Debug, Serialize)]
struct Finding {
    tenant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<String>,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Finding {
    /// Returns whether the customer does not name a tenant. `--missing` lists only these findings.
    fn is_proof_missing(&self) -> bool {
        self.reason == Reason::TenantProofMissing.as_str()
    }
}

impl Row for Finding {
    const HEADER: &'static [&'static str] = &["tenant", "customer", "reason", "detail"];

    fn cells(&self) -> Vec<&str> {
        vec![
            &self.tenant,
            self.customer.as_deref().unwrap_or_default(),
            &self.reason,
            self.detail.as_deref().unwrap_or_default(),
        ]
    }

    fn severity(&self) -> Severity {
        if self.is_proof_missing() { Severity::Warning } else { Severity::Failure }
    }
}

/// Checks every tenant, prints the findings, and returns whether there are none.
///
/// # Errors
/// [`Failure`] if no report is printed. The resume file then contains the rows that were checked before.
pub async fn run(config: &Config, options: &AuditMappingOptions) -> Result<bool, Failure> {
    let directory = open::directory(&config.directory, DIRECTORY_TIMEOUT, &mut Vec::new()).await?;
    let portal_sessions = open::portal_sessions(config, &mut Vec::new()).await?;
    let mut resume = match &options.resume {
        Some(path) => {
            let unusable = |error| SettingError::new("--resume", format!("cannot use {}: {error}", path.display()));
            Some(ResumeFile::open(path, &run_settings(config)).map_err(unusable)?)
        }
        None => None,
    };
    let mut audit = Audit::begin(directory.rows().await?);
    let outcome = audit.check_all(config, &directory, &portal_sessions, resume.as_mut()).await;
    audit.progress.end();
    outcome?;
    audit.findings.sort_by(|one, other| one.tenant.cmp(&other.tenant));
    let is_consistent = audit.findings.is_empty();
    print_line(&audit.summary());
    if options.missing {
        audit.findings.retain(Finding::is_proof_missing);
    }
    report::print(&audit.findings, options.format).map_err(Failure::Output)?;
    resume.map_or(Ok(()), ResumeFile::remove).map_err(Failure::Resume)?;
    Ok(is_consistent)
}

fn run_settings(config: &Config) -> RunSettings {
    RunSettings {
        stripe_api_base: config.stripe.api_base.to_string(),
        stripe_mode: config.stripe.sessions.mode.as_str().to_owned(),
        tenant_metadata_key: config.stripe.sessions.tenant_metadata_key.clone(),
    }
}

fn checked_row(checked: &PendingCheck, refusal: Option<&Refusal>) -> CheckedRow {
    let verified = CheckedRow::verified(checked.tenant.as_str(), checked.customer.as_str());
    let Some(refusal) = refusal else { return verified };
    CheckedRow {
        reason: refusal.reason().as_str().to_owned(),
        detail: refusal.integrity().map(|integrity| integrity.as_str().to_owned()),
        ..verified
    }
}

/// The results so far. Only findings are kept, so the memory does not grow with the number of tenants.
struct Audit {
    progress: Progress,
    findings: Vec<Finding>,
    tenants: usize,
    verified: usize,
    without_account: usize,
}

impl Audit {
    fn begin(rows: u64) -> Self {
        let progress = Progress::begin(rows);
        Self { progress, findings: Vec::new(), tenants: 0, verified: 0, without_account: 0 }
    }

    /// Checks one page of tenants after the other.
    async fn check_all(
        &mut self,
        config: &Config,
        directory: &SqlDirectory,
        portal_sessions: &StripePortalSessions,
        mut resume: Option<&mut ResumeFile>,
    ) -> Result<(), Failure> {
        let mut position = None;
        loop {
            let page = directory.mappings_page(position).await?;
            self.tenants += page.tenants.len();
            let pending = self.check_directory(page.tenants, resume.as_deref());
            self.check_stripe(portal_sessions, config.limits.deadline, pending, resume.as_deref_mut()).await?;
            position = page.next;
            if position.is_none() {
                return Ok(());
            }
        }
    }

    /// Records the results that need no check at Stripe, from the directory alone or from an earlier run, and returns the tenants
    /// that must be checked at Stripe.
    fn check_directory(&mut self, rows: Vec<TenantMapping>, resume: Option<&ResumeFile>) -> Vec<PendingCheck> {
        let (tenants, mut pending) = (rows.len(), Vec::new());
        for TenantMapping { tenant, customer, mapping } in rows {
            let broken = |detail: &str| Finding {
                tenant: tenant.clone(),
                customer: customer.clone(),
                reason: Reason::MappingIntegrity.as_str().to_owned(),
                detail: Some(detail.to_owned()),
            };
            match (TenantId::parse(&tenant), mapping) {
                (_, Mapping::None) => self.without_account += 1,
                (_, Mapping::Broken(how)) => self.findings.push(broken(how.as_str())),
                // A token cannot contain this tenant id, so nobody can open the portal of this customer.
                (None, Mapping::Customer(_)) => self.findings.push(broken("malformed_tenant")),
                (Some(tenant), Mapping::Customer(customer)) => {
                    match resume.and_then(|file| file.checked_row(tenant.as_str(), customer.as_str())) {
                        Some(row) => self.record(row),
                        None => pending.push(PendingCheck { tenant, customer }),
                    }
                }
            }
        }
        self.progress.advance(tenants - pending.len());
        pending
    }

    /// Checks the pending tenants at Stripe. The run ends if Stripe refuses the key.
    async fn check_stripe(
        &mut self,
        portal_sessions: &StripePortalSessions,
        timeout: Duration,
        pending: Vec<PendingCheck>,
        mut resume: Option<&mut ResumeFile>,
    ) -> Result<(), Failure> {
        let checks = stream::iter(pending).map(|pending| async move {
            let outcome = verify_with_retries(portal_sessions, &pending, timeout).await;
            (pending, outcome)
        });
        let mut checks = std::pin::pin!(checks.buffer_unordered(MAX_CONCURRENT_READS));
        while let Some((pending, outcome)) = checks.next().await {
            self.progress.advance(1);
            let (refusal, is_final) = match outcome {
                Ok(()) => (None, true),
                Err(refusal) => match refusal.reason().recheck() {
                    // A later run with the same data has the same result, so the row is saved in the resume file.
                    Recheck::SameUntilDataChanges => (Some(refusal), true),
                    Recheck::Unknown | Recheck::MayPass => (Some(refusal), false),
                    // Every further check would be refused as well.
                    Recheck::RefusedUntilKeyChanges => return Err(Failure::Refused(refusal)),
                },
            };
            let row = checked_row(&pending, refusal.as_ref());
            if let Some(file) = resume.as_deref_mut().filter(|_| is_final) {
                file.add(&row).map_err(Failure::Resume)?;
            }
            self.record(row);
        }
        Ok(())
    }

    fn record(&mut self, row: CheckedRow) {
        if row.is_verified() {
            self.verified += 1;
            return;
        }
        let CheckedRow { tenant, customer, reason, detail } = row;
        self.findings.push(Finding { tenant, customer: Some(customer), reason, detail });
    }

    fn summary(&self) -> String {
        format!(
            "{} tenants: {} verified, {} without a billing account, {} with problems",
            self.tenants,
            self.verified,
            self.without_account,
            self.findings.len()
        )
    }
}
