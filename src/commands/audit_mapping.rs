//! `audit-mapping`: checks the mapping of every tenant against its Stripe customer, by the same rules as a call.

use tokio_util::sync::CancellationToken;

use crate::{
    adapters::stripe::StripePortalSessions,
    commands::{
        options::AuditMappingOptions,
        progress::{print_line, tenants},
        report::{self, Row, Severity},
        resume::{CheckedRow, ResumeFile, RunSettings},
        retries::with_retries,
        tenants::{DIRECTORY_TIMEOUT, MappedTenant, TenantsError, check_all},
    },
    config::Config,
    portal::{Reason, Refusal},
    wiring::open,
};

/// Rows are tenants whose owners cannot open the portal, with the reason that a call would be refused with.
impl Row for CheckedRow {
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
        if is_proof_missing(self) { Severity::Warning } else { Severity::Failure }
    }
}

/// Returns whether the customer does not name a tenant. `--missing` lists only these findings.
fn is_proof_missing(row: &CheckedRow) -> bool {
    row.reason == Reason::TenantProofMissing.as_str()
}

/// Checks every tenant, prints the findings, and returns whether there are none.
///
/// # Errors
/// [`TenantsError`]. The resume file then contains the rows that were checked before.
pub async fn run(config: &Config, options: &AuditMappingOptions) -> Result<bool, TenantsError> {
    let directory = open::directory(&config.directory, DIRECTORY_TIMEOUT, &mut Vec::new()).await?;
    let portal_sessions = &open::portal_sessions(config, &mut Vec::new()).await?;
    let mut resume = ResumeFile::of_option(options.resume.as_deref(), &run_settings(config))?;
    let mut audit = Audit::default();
    let check = |mapped: MappedTenant| async move {
        with_retries(Some(&mapped.tenant), async || verify(portal_sessions, &mapped, config.limits.deadline).await)
            .await
    };
    let (stop, key_setting) = (CancellationToken::new(), "--stripe-secret-key-file");
    check_all(&directory, resume.as_mut(), &stop, key_setting, check, |row| audit.record(row)).await?;
    audit.findings.sort_by(|one, other| one.tenant.cmp(&other.tenant));
    let is_consistent = audit.findings.is_empty();
    print_line(&audit.summary());
    if options.missing {
        audit.findings.retain(is_proof_missing);
    }
    report::print(&audit.findings, options.format).map_err(TenantsError::Output)?;
    resume.map_or(Ok(()), ResumeFile::remove).map_err(TenantsError::CompletedResume)?;
    Ok(is_consistent)
}

fn run_settings(config: &Config) -> RunSettings {
    RunSettings {
        stripe_api_base: config.stripe.api_base.to_string(),
        stripe_mode: config.stripe.sessions.mode.as_str().to_owned(),
        tenant_metadata_key: config.stripe.sessions.tenant_metadata_key.clone(),
        backfill: None,
    }
}

/// Reads the customer and verifies that it names the tenant. `timeout` is the time limit of the read.
async fn verify(
    portal_sessions: &StripePortalSessions,
    MappedTenant { tenant, customer }: &MappedTenant,
    timeout: std::time::Duration,
) -> Result<CheckedRow, Refusal> {
    let recorded = portal_sessions.inspect_customer(customer, timeout).await?;
    recorded.verify(tenant, customer)?;
    Ok(CheckedRow::verified(tenant.as_str(), customer.as_str()))
}

/// The results so far. Only findings are kept, so the memory does not grow with the number of tenants.
#[derive(Default)]
struct Audit {
    findings: Vec<CheckedRow>,
    tenants: u64,
    verified: usize,
    without_account: usize,
}

impl Audit {
    fn record(&mut self, row: Option<CheckedRow>) {
        self.tenants += 1;
        match row {
            None => self.without_account += 1,
            Some(row) if row.is_verified() => self.verified += 1,
            Some(row) => self.findings.push(row),
        }
    }

    fn summary(&self) -> String {
        format!(
            "{} {}: {} verified, {} without a billing account, {} with problems",
            self.tenants,
            tenants(self.tenants),
            self.verified,
            self.without_account,
            self.findings.len()
        )
    }
}
