//! The rows of the report, and the counts.

use billing_portal::{
    commands::{
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
    tenants: usize,
    without_account: usize,
    unchanged: usize,
    with_evidence: usize,
}

impl Results {
    pub(crate) fn record(&mut self, row: Option<CheckedRow>) {
        self.tenants += 1;
        let Some(row) = row else {
            self.without_account += 1;
            return;
        };
        self.with_evidence += usize::from(row.evidence.is_some());
        if row.is_verified() {
            self.unchanged += 1;
            return;
        }
        let CheckedRow { tenant, customer, reason, detail, evidence } = row;
        let result = Outcome::of(&reason);
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
            "{} tenants: {} already named by their customer, {} written, {} to write, {} contradictory, {} failed, \
             {} without a billing account\nindependent evidence: {} of {mapped} tenants with a billing account",
            self.tenants,
            self.unchanged,
            self.count(Outcome::Written),
            self.count(Outcome::ToWrite),
            self.count(Outcome::Contradictory),
            self.count(Outcome::Failed),
            self.without_account,
            self.with_evidence,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
