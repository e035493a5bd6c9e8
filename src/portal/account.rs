//! The billing account: the Stripe customer that the directory records for a tenant.

/// A Stripe customer id, `cus_[A-Za-z0-9]+`, at most 255 bytes. It is safe in the path of a Stripe URL without escaping.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CustomerId(String);

impl CustomerId {
    /// Parses a customer id. Returns `None` for anything that does not have exactly this form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_stripe_id(text, &["cus_"]).then(|| Self(text.to_owned()))
    }

    /// The id, unchanged.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns whether a text is one of the prefixes followed by `[A-Za-z0-9]+`, at most 255 bytes in total.
pub(crate) fn is_stripe_id(text: &str, prefixes: &[&str]) -> bool {
    text.len() <= 255
        && prefixes.iter().any(|prefix| {
            text.strip_prefix(prefix)
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        })
}

/// The customer that the directory maps a tenant to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// The directory has no row, NULL, or an empty value: the tenant has no billing account.
    None,
    /// Exactly one row, with a well-formed customer that no other tenant shares.
    Customer(CustomerId),
    /// The directory contradicts itself, or the value is not a customer id. The audit entry and the log name the failure.
    Broken(Integrity),
}

/// How a mapping is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integrity {
    /// The tenant has two rows.
    TwoRows,
    /// A different tenant has the same customer.
    SharedCustomer,
    /// The value is not text, is too long, or is not `cus_[A-Za-z0-9]+`.
    MalformedCustomer,
    /// The customer at Stripe names a different tenant.
    CustomerOfAnotherTenant,
    /// The directory mapped the tenant to a different customer while Stripe was responding.
    ChangedDuringCall,
}

impl Integrity {
    /// The stable name in the `detail` field of the audit entry.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TwoRows => "two_rows",
            Self::SharedCustomer => "shared_customer",
            Self::MalformedCustomer => "malformed_customer",
            Self::CustomerOfAnotherTenant => "customer_of_another_tenant",
            Self::ChangedDuringCall => "changed_during_call",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customer_id_is_prefix_and_alphanumerics() {
        assert!(CustomerId::parse("cus_NffrFeUfNV2Hib").is_some());
        for bad in ["", "cus_", "cus_a b", "cus_a\n", " cus_a", "CUS_a", "cu_a", "cus_a/../b", "cus_ä", "sub_1"] {
            assert!(CustomerId::parse(bad).is_none(), "{bad:?}");
        }
        assert!(CustomerId::parse(&format!("cus_{}", "a".repeat(251))).is_some());
        assert!(CustomerId::parse(&format!("cus_{}", "a".repeat(252))).is_none());
    }
}
