//! Whose customer: what the directory says about a tenant's Stripe customer.

/// A Stripe customer id, `cus_[A-Za-z0-9]+`, at most 255 bytes. Nothing else may reach a URL path at Stripe.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CustomerId(String);

impl CustomerId {
    /// Takes exactly that shape; white space or any other byte makes it no customer.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_stripe_id(text, &["cus_"]).then(|| Self(text.to_owned()))
    }

    /// The id as it came in.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One of the prefixes, then `[A-Za-z0-9]+`, at most 255 bytes in all.
pub(crate) fn is_stripe_id(text: &str, prefixes: &[&str]) -> bool {
    text.len() <= 255
        && prefixes.iter().any(|prefix| {
            text.strip_prefix(prefix)
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        })
}

/// What the directory maps a tenant to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// No row, NULL or empty: the tenant has no billing account.
    None,
    /// Exactly one row with one well-formed customer that no other tenant has.
    Customer(CustomerId),
    /// The directory contradicts itself or holds no customer id; which way is told in the audit line and the log.
    Broken(Integrity),
}

/// How a mapping is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integrity {
    /// Two rows for the tenant.
    TwoRows,
    /// Another tenant has the same customer.
    SharedCustomer,
    /// The value is no text, too long, or not `cus_[A-Za-z0-9]+`.
    MalformedCustomer,
    /// The customer at Stripe names another tenant.
    CustomerOfAnotherTenant,
}

impl Integrity {
    /// The stable name in the audit line's `detail`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TwoRows => "two_rows",
            Self::SharedCustomer => "shared_customer",
            Self::MalformedCustomer => "malformed_customer",
            Self::CustomerOfAnotherTenant => "customer_of_another_tenant",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_id_is_its_prefix_and_alphanumerics() {
        assert!(CustomerId::parse("cus_NffrFeUfNV2Hib").is_some());
        for bad in ["", "cus_", "cus_a b", "cus_a\n", " cus_a", "CUS_a", "cu_a", "cus_a/../b", "cus_ä", "sub_1"] {
            assert!(CustomerId::parse(bad).is_none(), "{bad:?}");
        }
        assert!(CustomerId::parse(&format!("cus_{}", "a".repeat(251))).is_some());
        assert!(CustomerId::parse(&format!("cus_{}", "a".repeat(252))).is_none());
    }
}
