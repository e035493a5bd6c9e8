//! Independent evidence: what names a tenant at Stripe, and was not written from the directory.

use std::{collections::BTreeSet, fmt};

use billing_portal::{
    config::SettingError,
    portal::{Reason, Refusal, TenantId},
};
use serde_json::{Map, Value};

use crate::cli::{is_metadata_key, metadata_key_rule};

/// A kind of evidence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Evidence {
    /// A metadata entry of the customer's subscriptions.
    SubscriptionMetadata(String),
    /// A metadata entry of the customer's checkout sessions.
    CheckoutMetadata(String),
    /// `client_reference_id` of the customer's checkout sessions.
    ClientReferenceId,
}

/// The list that evidence is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Subscriptions,
    CheckoutSessions,
}

impl Evidence {
    /// Parses the values of `--evidence`.
    ///
    /// # Errors
    /// The first value that is not a kind of evidence, or that is a duplicate.
    pub(crate) fn parse_all(values: &[String]) -> Result<Vec<Self>, SettingError> {
        const NAME: &str = "--evidence";
        let mut parsed = Vec::new();
        for (number, value) in (1..).zip(values) {
            let entry = |problem: String| SettingError::new(NAME, format!("value {number}: {problem}"));
            let evidence = match value.split_once(':') {
                Some(("subscription-metadata", key)) => Self::SubscriptionMetadata(metadata_key(key).map_err(entry)?),
                Some(("checkout-metadata", key)) => Self::CheckoutMetadata(metadata_key(key).map_err(entry)?),
                None if value == "client-reference-id" => Self::ClientReferenceId,
                Some(_) | None => {
                    let kinds = "subscription-metadata:KEY, checkout-metadata:KEY or client-reference-id";
                    return Err(entry(format!("expected {kinds}")));
                }
            };
            if parsed.contains(&evidence) {
                return Err(entry("duplicate".to_owned()));
            }
            parsed.push(evidence);
        }
        Ok(parsed)
    }

    pub(crate) const fn source(&self) -> Source {
        match self {
            Self::SubscriptionMetadata(_) => Source::Subscriptions,
            Self::CheckoutMetadata(_) | Self::ClientReferenceId => Source::CheckoutSessions,
        }
    }

    /// Returns whether the buyer chose the value: for a payment link, it is a parameter of the URL that the buyer opens
    /// (<https://docs.stripe.com/payment-links/url-parameters>). It can contradict, but it proves nothing.
    fn is_chosen_by_buyer(&self, object: &Map<String, Value>) -> bool {
        *self == Self::ClientReferenceId && object.get("payment_link").is_some_and(|link| !link.is_null())
    }

    /// Returns the tenant that an object names, or `None` if it names none.
    fn tenant_in<'a>(&self, object: &'a Map<String, Value>) -> Result<Option<&'a str>, Refusal> {
        let value = match self {
            Self::SubscriptionMetadata(key) | Self::CheckoutMetadata(key) => match object.get("metadata") {
                None | Some(Value::Null) => None,
                Some(Value::Object(metadata)) => metadata.get(key),
                Some(_) => return Err(malformed(self)),
            },
            Self::ClientReferenceId => object.get("client_reference_id"),
        };
        match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(tenant)) => Ok(Some(tenant.as_str()).filter(|tenant| !tenant.is_empty())),
            Some(_) => Err(malformed(self)),
        }
    }
}

fn metadata_key(key: &str) -> Result<String, String> {
    if is_metadata_key(key) { Ok(key.to_owned()) } else { Err(metadata_key_rule()) }
}

fn malformed(evidence: &Evidence) -> Refusal {
    let cause = format!("{evidence} in the Stripe response is not a string");
    Refusal::because(Reason::StripeProtocol, cause)
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SubscriptionMetadata(key) => write!(f, "subscription-metadata:{key}"),
            Self::CheckoutMetadata(key) => write!(f, "checkout-metadata:{key}"),
            Self::ClientReferenceId => f.write_str("client-reference-id"),
        }
    }
}

/// The maximum length of a value from Stripe in the report, in characters: that of a tenant ID.
const MAX_SHOWN: usize = 255;

/// Quotes and escapes a value from Stripe for the report: a buyer may have chosen it, and a difference may be a space.
pub(crate) fn quoted(value: &str) -> String {
    let shown: String = value.chars().take(MAX_SHOWN).collect();
    let rest = if shown.len() < value.len() { "…" } else { "" };
    format!("\"{}\"{rest}", shown.escape_default())
}

/// What the objects of one customer say about its tenant.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    confirming: BTreeSet<Evidence>,
    /// The first contradiction: a kind of evidence, the object, and its value.
    contradicting: Option<String>,
}

impl Findings {
    /// Compares one object with the tenant.
    ///
    /// # Errors
    /// STRIPE_PROTOCOL if a value is not a string.
    pub(crate) fn add(
        &mut self,
        kinds: &[Evidence],
        id: &str,
        object: &Map<String, Value>,
        tenant: &TenantId,
    ) -> Result<(), Refusal> {
        for evidence in kinds {
            let Some(named) = evidence.tenant_in(object)? else { continue };
            if named != tenant.as_str() {
                self.contradicting.get_or_insert_with(|| format!("{evidence} of {id} names {}", quoted(named)));
            } else if !evidence.is_chosen_by_buyer(object) {
                self.confirming.insert(evidence.clone());
            }
        }
        Ok(())
    }

    /// The contradiction, for the report. Evidence with two different values always contains one.
    pub(crate) fn contradiction(&self) -> Option<&str> {
        self.contradicting.as_deref()
    }

    /// The kinds that name the tenant, for the report; `None` if there are none.
    pub(crate) fn confirmation(&self) -> Option<String> {
        let kinds: Vec<String> = self.confirming.iter().map(ToString::to_string).collect();
        (!kinds.is_empty()).then(|| kinds.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(values: &[&str]) -> Result<Vec<Evidence>, String> {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        Evidence::parse_all(&values).map_err(|error| error.to_string())
    }

    #[test]
    fn kinds_are_parsed_and_others_refused() {
        let all = ["subscription-metadata:org:id", "checkout-metadata:org", "client-reference-id"];
        let parsed = parse(&all).unwrap();
        assert_eq!(parsed.iter().map(ToString::to_string).collect::<Vec<_>>(), all);
        assert_eq!(parsed.iter().map(Evidence::source).filter(|source| *source == Source::Subscriptions).count(), 1);
        for (values, expected) in [
            (["client-reference-id", "client-reference-id"].as_slice(), "value 2: duplicate"),
            (&["client-reference-id", "email"], "value 2: expected subscription-metadata:KEY"),
            (&["client-reference-id:x"], "value 1: expected"),
            (&["subscription-metadata"], "value 1: expected"),
            (&["subscription-metadata:"], "value 1: expected a metadata key: 1 to 40 characters"),
            (&["checkout-metadata:a[b]"], "without square brackets"),
        ] {
            let error = parse(values).unwrap_err();
            assert!(error.starts_with("--evidence: ") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn value_from_stripe_is_quoted_escaped_and_cut() {
        let (long, cut) = ("a".repeat(255), format!("\"{}\"…", "a".repeat(255)));
        for (value, expected) in [
            ("acme ", "\"acme \""),
            ("a\"\u{1b}\n", r#""a\"\u{1b}\n""#),
            ("аcme", r#""\u{430}cme""#),
            (&long, cut.trim_end_matches('…')),
            (&(long.clone() + "é"), &cut),
        ] {
            assert_eq!(quoted(value), expected);
        }
    }

    #[test]
    fn one_value_that_differs_contradicts() {
        let kinds = parse(&["subscription-metadata:org", "client-reference-id"]).unwrap();
        let tenant = TenantId::parse("acme").unwrap();
        let findings = |objects: &[Value]| {
            let mut findings = Findings::default();
            for (number, object) in objects.iter().enumerate() {
                findings.add(&kinds, &format!("cs_{number}"), object.as_object().unwrap(), &tenant)?;
            }
            Ok::<_, Refusal>((findings.confirmation(), findings.contradiction().map(str::to_owned)))
        };
        let same = json!({"metadata": {"org": "acme"}, "client_reference_id": "acme"});
        let none = json!({"metadata": {"org": "", "other": "globex"}, "client_reference_id": null});
        let confirmation = Some("subscription-metadata:org client-reference-id".to_owned());
        assert_eq!(findings(&[none.clone(), same.clone(), none.clone()]).unwrap(), (confirmation.clone(), None));
        assert_eq!(findings(&[none, json!({}), json!({"metadata": null})]).unwrap(), (None, None));
        let other = json!({"client_reference_id": "Acme"});
        let contradiction = Some("client-reference-id of cs_1 names \"Acme\"".to_owned());
        assert_eq!(findings(&[same, other.clone(), other]).unwrap(), (confirmation, contradiction));
        let chosen = json!({"client_reference_id": "acme", "payment_link": "plink_1"});
        assert_eq!(findings(&[chosen]).unwrap(), (None, None));
        for malformed in [json!({"metadata": []}), json!({"metadata": {"org": 7}}), json!({"client_reference_id": 7})] {
            assert_eq!(findings(&[malformed]).unwrap_err().reason(), Reason::StripeProtocol);
        }
    }
}
