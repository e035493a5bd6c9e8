//! `audit-mapping`: every tenant's row against its Stripe customer, by the same checks that a call meets.

use std::{io, time::Duration};

use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use crate::{
    adapters::{
        directory::TenantMapping,
        stripe::{Mode, StripePortalSessions},
    },
    commands::{
        progress::{Progress, print_line},
        report::{self, Row, Severity},
        resume::{Answered, ResumeFile, Terms},
    },
    config::{Config, SettingError},
    portal::{CustomerId, Mapping, Reason, Refusal, TenantId},
    wiring::{directory, open},
};

/// How many customers are read at once; the pace decides how fast.
const AT_ONCE: usize = 16;

/// How long the database may take to name every tenant.
const LONGEST_READ: Duration = Duration::from_secs(600);

/// How long Stripe is given to recover before a customer counts as unread: the first pause, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const PAUSES: u32 = 5;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file that a setting names.
    #[error("{0}")]
    Setting(#[from] SettingError),
    /// The directory or Stripe.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The resume file.
    #[error("--resume can't be used: {0}")]
    Resume(#[source] io::Error),
    /// Standard output.
    #[error("the report can't be written: {0}")]
    Output(#[source] io::Error),
}

/// A row that does not hold: what its owner would be told, and why.
#[derive(Debug, Serialize)]
struct Finding {
    tenant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<String>,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
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
        if self.reason == Reason::TenantProofMissing.as_str() { Severity::Warning } else { Severity::Failure }
    }
}

/// Audits every tenant, and returns whether all hold.
///
/// # Errors
/// [`Failure`]: there is no report, and what was found so far stands in the resume file.
pub async fn run(config: &Config) -> Result<bool, Failure> {
    let (directory, portal_sessions) =
        (directory::open(&config.directory, LONGEST_READ).await?, open::portal_sessions(config).await?);
    let terms = Terms {
        stripe_api_base: config.stripe_api_base.to_string(),
        stripe_mode: match config.stripe_terms.mode {
            Mode::Live => "live".to_owned(),
            Mode::Test => "test".to_owned(),
        },
        tenant_metadata_key: config.stripe_terms.tenant_metadata_key.clone(),
    };
    let mut resume = match &config.resume {
        Some(path) => Some(ResumeFile::open(path, &terms).map_err(Failure::Resume)?),
        None => None,
    };
    let rows = directory.all_mappings().await?;
    let tenants = rows.len();
    let mut audit = Audit::default();
    let questions = audit.sort_out(rows, resume.as_ref());
    audit.ask(&portal_sessions, config.deadline, questions, resume.as_mut()).await?;
    audit.findings.sort_by(|one, other| one.tenant.cmp(&other.tenant));
    let holds = audit.findings.is_empty();
    print_line(&audit.summary(tenants));
    if config.missing {
        audit.findings.retain(|finding| finding.reason == Reason::TenantProofMissing.as_str());
    }
    report::print(&audit.findings, config.format).map_err(Failure::Output)?;
    resume.map_or(Ok(()), ResumeFile::remove).map_err(Failure::Resume)?;
    Ok(holds)
}

/// A customer to be read, and the tenant that it must name.
struct Question {
    tenant: TenantId,
    customer: CustomerId,
}

#[derive(Default)]
struct Audit {
    findings: Vec<Finding>,
    proved: usize,
    without_account: usize,
}

impl Audit {
    /// Decides what the directory alone, or an earlier run, decides; returns what Stripe must be asked.
    fn sort_out(&mut self, rows: Vec<TenantMapping>, resume: Option<&ResumeFile>) -> Vec<Question> {
        let mut questions = Vec::new();
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
                // No token can name it, so nobody can open it.
                (None, Mapping::Customer(_)) => self.findings.push(broken("malformed_tenant")),
                (Some(tenant), Mapping::Customer(customer)) => {
                    match resume.and_then(|file| file.answered(tenant.as_str(), customer.as_str())) {
                        Some(answered) => self.take(answered.clone()),
                        None => questions.push(Question { tenant, customer }),
                    }
                }
            }
        }
        questions
    }

    /// Asks Stripe about the rest. A key that Stripe refuses ends the run.
    async fn ask(
        &mut self,
        portal_sessions: &StripePortalSessions,
        deadline: Duration,
        questions: Vec<Question>,
        mut resume: Option<&mut ResumeFile>,
    ) -> Result<(), Failure> {
        let mut progress = Progress::begin(questions.len());
        let answers = stream::iter(questions).map(|question| async move {
            let outcome = verify_with_retries(portal_sessions, &question, deadline).await;
            (question, outcome)
        });
        let mut answers = std::pin::pin!(answers.buffer_unordered(AT_ONCE));
        while let Some((question, outcome)) = answers.next().await {
            progress.step();
            let (reason, detail, is_final) = match outcome {
                Ok(()) => ("OK", None, true),
                Err(refusal) if refusal.reason() == Reason::StripeCredentials => {
                    progress.end();
                    return Err(Failure::Refused(refusal));
                }
                Err(refusal) => (refusal.reason().as_str(), refusal.detail(), is_final(&refusal)),
            };
            let answered = Answered {
                tenant: question.tenant.as_str().to_owned(),
                customer: question.customer.as_str().to_owned(),
                reason: reason.to_owned(),
                detail: detail.map(str::to_owned),
            };
            if let Some(file) = resume.as_deref_mut().filter(|_| is_final) {
                file.add(&answered).map_err(Failure::Resume)?;
            }
            self.take(answered);
        }
        progress.end();
        Ok(())
    }

    fn take(&mut self, answered: Answered) {
        if answered.reason == "OK" {
            self.proved += 1;
            return;
        }
        let Answered { tenant, customer, reason, detail } = answered;
        self.findings.push(Finding { tenant, customer: Some(customer), reason, detail });
    }

    fn summary(&self, tenants: usize) -> String {
        format!(
            "{tenants} tenants: {} proved, {} without account, {} that do not hold",
            self.proved,
            self.without_account,
            self.findings.len()
        )
    }
}

/// Whether asking again would answer the same.
fn is_final(refusal: &Refusal) -> bool {
    [Reason::MappingIntegrity, Reason::TenantProofMissing, Reason::BillingAccountMissingAtStripe]
        .contains(&refusal.reason())
}

/// Reads the customer, again and again where that can help.
async fn verify_with_retries(
    portal_sessions: &StripePortalSessions,
    question: &Question,
    deadline: Duration,
) -> Result<(), Refusal> {
    let mut pause = FIRST_PAUSE;
    for _ in 0..PAUSES {
        let outcome = portal_sessions.inspect_customer(&question.customer, deadline).await;
        let passes =
            [Reason::StripeUnavailable, Reason::StripeRateLimited, Reason::StripeConflict, Reason::DeadlineExceeded];
        match outcome {
            Err(refusal) if passes.contains(&refusal.reason()) => {
                tracing::warn!(cause = %refusal, "Stripe is asked again in a while");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            outcome => return outcome?.verify(&question.tenant, &question.customer).map(drop),
        }
    }
    portal_sessions
        .inspect_customer(&question.customer, deadline)
        .await?
        .verify(&question.tenant, &question.customer)
        .map(drop)
}
