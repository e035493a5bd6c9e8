//! The rows of the report, and the counts.

use billing_portal::{
    commands::{
        progress::tenants,
        report::{Row, Severity},
        resume::CheckedRow,
    },
    portal::{Reason, Recheck},
};
use serde::Serialize;

/// The result of a tenant that would be written.
pub(crate) const TO_WRITE: &str = "TO_WRITE";

/// The result of a tenant that was written and read back.
pub(crate) const WRITTEN: &str = "WRITTEN";

/// The group of results that a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    ToWrite,
    Written,
    /// The directory, the customer and the evidence do not agree.
    Contradictory,
    /// The result is not known.
    Failed,
}

impl Outcome {
    fn of(reason: &str) -> Self {
        match reason {
            TO_WRITE => return Self::ToWrite,
            WRITTEN => return Self::Written,
            _ => {}
        }
        let known = Reason::ALL.iter().find(|known| known.as_str() == reason);
        let is_explained = known.is_some_and(|known| known.recheck() == Recheck::SameUntilDataChanges);
        if is_explained { Self::Contradictory } else { Self::Failed }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::ToWrite => "to_write",
            Self::Written => "written",
            Self::Contradictory => "contradictory",
            Self::Failed => "failed",
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A tenant whose customer did not name it when the run began. Tenants that need nothing are only counted.
#[derive(Debug, Serialize)]
pub(crate) struct BackfillRow {
    tenant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<String>,
    result: Outcome,
    /// The reason that a call would be refused with.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The kinds of evidence that name the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
}

impl Row for BackfillRow {
    const HEADER: &'static [&'static str] = &["tenant", "customer", "result", "reason", "detail", "evidence"];

    fn cells(&self) -> Vec<&str> {
        let optional = [&self.reason, &self.detail, &self.evidence].map(|cell| cell.as_deref().unwrap_or_default());
        let mut cells = vec![&self.tenant, self.customer.as_deref().unwrap_or_default(), self.result.as_str()];
        cells.extend(optional);
        cells
    }

    fn severity(&self) -> Severity {
        match self.result {
            Outcome::Written => Severity::Ok,
            Outcome::ToWrite => Severity::Warning,
            Outcome::Contradictory | Outcome::Failed => Severity::Failure,
        }
    }
}

/// The results so far. The memory grows with the number of customers to write and of problems.
#[derive(Debug, Default)]
pub(crate) struct Results {
    rows: Vec<BackfillRow>,
    tenants: u64,
    without_account: u64,
    unchanged: u64,
    /// Tenants that evidence names, and that nothing contradicts.
    with_evidence: u64,
}

impl Results {
    pub(crate) fn record(&mut self, row: Option<CheckedRow>) {
        self.tenants += 1;
        let Some(row) = row else {
            self.without_account += 1;
            return;
        };
        let result = (!row.is_verified()).then(|| Outcome::of(&row.reason));
        let is_consistent = matches!(result, None | Some(Outcome::ToWrite | Outcome::Written));
        self.with_evidence += u64::from(is_consistent && row.evidence.is_some());
        let Some(result) = result else {
            self.unchanged += 1;
            return;
        };
        let CheckedRow { tenant, customer, reason, detail, evidence } = row;
        let reason = Some(reason).filter(|_| ![Outcome::ToWrite, Outcome::Written].contains(&result));
        self.rows.push(BackfillRow { tenant, customer, result, reason, detail, evidence });
    }

    /// Returns the rows in the order of the tenants.
    pub(crate) fn sorted_rows(&mut self) -> &[BackfillRow] {
        self.rows.sort_by(|one, other| one.tenant.cmp(&other.tenant));
        &self.rows
    }

    pub(crate) fn has_rows(&self) -> bool {
        !self.rows.is_empty()
    }

    fn count(&self, result: Outcome) -> usize {
        self.rows.iter().filter(|row| row.result == result).count()
    }

    pub(crate) fn has_problems(&self) -> bool {
        self.count(Outcome::Contradictory) + self.count(Outcome::Failed) > 0
    }

    pub(crate) fn summary(&self) -> String {
        let mapped = self.tenants - self.without_account;
        format!(
            "{} {}: {} already named by their customer, {} written, {} to write, {} contradictory, {} failed, \
             {} without a billing account\nindependent evidence: {} of {mapped} {} with a billing account",
            self.tenants,
            tenants(self.tenants),
            self.unchanged,
            self.count(Outcome::Written),
            self.count(Outcome::ToWrite),
            self.count(Outcome::Contradictory),
            self.count(Outcome::Failed),
            self.without_account,
            self.with_evidence,
            tenants(mapped),
        )
    }
}

#[cfg(test)]
mod tests {
    use billing_portal::commands::resume::VERIFIED;

    use super::*;

    #[test]
    fn contradictory_tenant_does_not_count_as_independent_evidence() {
        let evidence = Some("subscription-metadata:org".to_owned());
        let row = CheckedRow { evidence, ..CheckedRow::verified("acme", "cus_A") };
        let summary = |reason: &str| {
            let mut results = Results::default();
            results.record(Some(CheckedRow { reason: reason.to_owned(), ..row.clone() }));
            results.summary()
        };
        for (reason, expected) in [(VERIFIED, 1), (TO_WRITE, 1), (WRITTEN, 1), ("MAPPING_INTEGRITY", 0)] {
            let summary = summary(reason);
            let expected = format!("\nindependent evidence: {expected} of 1 tenant with a billing account");
            assert!(summary.starts_with("1 tenant: ") && summary.ends_with(&expected), "{summary}");
        }
    }

    #[test]
    fn what_data_explains_is_contradictory_and_the_rest_failed() {
        for (reason, expected) in [
            (TO_WRITE, Outcome::ToWrite),
            (WRITTEN, Outcome::Written),
            ("MAPPING_INTEGRITY", Outcome::Contradictory),
            ("BILLING_ACCOUNT_MISSING_AT_STRIPE", Outcome::Contradictory),
            ("STRIPE_UNAVAILABLE", Outcome::Failed),
            ("STRIPE_RESPONSE_REJECTED", Outcome::Failed),
            ("", Outcome::Failed),
        ] {
            assert_eq!(Outcome::of(reason), expected, "{reason}");
        }
    }
}
