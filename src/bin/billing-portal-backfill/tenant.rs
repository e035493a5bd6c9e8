//! The backfill of one tenant.

use std::cell::Cell;

use billing_portal::{
    commands::{
        resume::{CheckedRow, VERIFIED},
        retries::with_retries,
        tenants::MappedTenant,
    },
    portal::{Integrity, Reason, Refusal},
};

use crate::{
    evidence::{Evidence, Findings, Source, quoted},
    report::{TO_WRITE, WRITTEN},
    stripe::Stripe,
};

/// What is done for each tenant.
#[derive(Debug)]
pub(crate) struct Backfill {
    pub(crate) stripe: Stripe,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) write: bool,
}

impl Backfill {
    /// Returns the result for one tenant.
    ///
    /// # Errors
    /// The refusal of the last attempt.
    pub(crate) async fn run(&self, mapped: &MappedTenant) -> Result<CheckedRow, Refusal> {
        // A write whose response was lost may have been executed. The customer is therefore read again before another one.
        let was_sent = Cell::new(false);
        with_retries(Some(&mapped.tenant), async || self.attempt(mapped, &was_sent).await).await
    }

    async fn attempt(&self, mapped: &MappedTenant, was_sent: &Cell<bool>) -> Result<CheckedRow, Refusal> {
        let MappedTenant { tenant, customer } = mapped;
        // Evidence is read first, so that as little time as possible passes between reading the customer and writing to it.
        let findings = self.findings(mapped).await?;
        let row = |reason: &str, detail: Option<&str>| CheckedRow {
            reason: reason.to_owned(),
            detail: detail.map(str::to_owned),
            evidence: findings.confirmation(),
            ..CheckedRow::verified(tenant.as_str(), customer.as_str())
        };
        let contradiction = |detail| Ok(row(Reason::MappingIntegrity.as_str(), Some(detail)));
        let recorded = self.stripe.recorded_tenant(customer).await?;
        if let Some(other) = recorded.as_deref().filter(|recorded| *recorded != tenant.as_str()) {
            return contradiction(&format!("{}: {}", Integrity::CustomerOfAnotherTenant.as_str(), quoted(other)));
        }
        if let Some(detail) = findings.contradiction() {
            return contradiction(detail);
        }
        if recorded.is_some() {
            return Ok(row(if was_sent.get() { WRITTEN } else { VERIFIED }, None));
        }
        if !self.write {
            return Ok(row(TO_WRITE, None));
        }
        was_sent.set(true);
        let responded = self.stripe.record_tenant(customer, tenant).await?;
        let read_back = self.stripe.recorded_tenant(customer).await?;
        if [responded, read_back].iter().all(|recorded| recorded.as_deref() == Some(tenant.as_str())) {
            return Ok(row(WRITTEN, None));
        }
        let cause = "customer does not name the tenant that was just written; something else writes to it as well";
        Err(Refusal::because(Reason::StripeResponseRejected, cause))
    }

    /// Compares what the subscriptions and checkout sessions of the customer say.
    async fn findings(&self, MappedTenant { tenant, customer }: &MappedTenant) -> Result<Findings, Refusal> {
        let mut findings = Findings::default();
        for source in [Source::Subscriptions, Source::CheckoutSessions] {
            let kinds: Vec<_> = self.evidence.iter().filter(|kind| kind.source() == source).cloned().collect();
            if !kinds.is_empty() {
                let compare = |id: &str, object: &_| findings.add(&kinds, id, object, tenant);
                self.stripe.visit_all(source, customer, compare).await?;
            }
        }
        Ok(findings)
    }
}
