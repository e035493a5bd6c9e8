//! The sentences that the page shows for the service's reasons. Each says what happened and what the person can do now.
//! `docs/integrate.md` recommends the same sentences.

use billing_portal::grpc::proto::Reason;

/// Also shown for every status that does not come from the service.
pub(super) const UNAVAILABLE: &str = "Billing is unavailable right now. Please try again in a few minutes.";

/// The page adds who the owners are.
pub(super) const ONLY_OWNERS: &str = "Only owners of this workspace can manage billing. Please ask an owner.";

/// Every reason in the contract, grouped by its sentence.
const SENTENCES: [(&[&str], &str); 9] = [
    (&["NOT_OWNER"], ONLY_OWNERS),
    (
        &["FEATURE_DISABLED"],
        "Billing is not available for this workspace right now. Please contact support if you need it.",
    ),
    (
        &["NO_BILLING_ACCOUNT"],
        "Your workspace does not have a billing account yet. Please contact support to set one up.",
    ),
    (&["TENANT_MISMATCH"], "You are now in a different workspace, so billing was not opened. Please try again."),
    (&["RATE_LIMITED"], "You have opened billing many times in a short time. Please wait a minute and try again."),
    (
        &["STRIPE_RATE_LIMITED", "STRIPE_CONFLICT", "OVERLOADED"],
        "Billing is busy right now. Please try again in a moment.",
    ),
    (
        &[
            "STRIPE_UNAVAILABLE",
            "DATABASE_UNAVAILABLE",
            "KEYS_UNAVAILABLE",
            "AUDIT_UNAVAILABLE",
            "SHUTTING_DOWN",
            "DEADLINE_EXCEEDED",
        ],
        UNAVAILABLE,
    ),
    (
        &["TENANT_PROOF_MISSING", "BILLING_ACCOUNT_MISSING_AT_STRIPE", "MAPPING_INTEGRITY"],
        "We could not verify your workspace's billing account. Please contact support.",
    ),
    // Defects of this backend, the service or its Stripe account. Signing in again does not help: this backend also
    // signs the token.
    (
        &[
            "TOKEN_MISSING",
            "TOKEN_INVALID",
            "TOKEN_EXPIRED",
            "CALLER_NOT_ALLOWED",
            "RETURN_URL_NOT_ALLOWED",
            "FLOW_INVALID",
            "LOCALE_INVALID",
            "DEADLINE_INVALID",
            "MESSAGE_INVALID",
            "MESSAGE_TOO_LARGE",
            "METHOD_UNKNOWN",
            "ENCODING_UNSUPPORTED",
            "PORTAL_NOT_CONFIGURED",
            "STRIPE_RESPONSE_REJECTED",
            "STRIPE_CREDENTIALS",
            "STRIPE_PROTOCOL",
            "BUG",
        ],
        "Billing was not opened, because of a problem on our side. Please contact support.",
    ),
];

/// The notices after a return from the portal, by the marker in its address. Anyone can open such an address, so a notice
/// is all that depends on it.
const RETURNS: [(&str, Returned); 3] = [
    ("returned", Returned { sentence: "You are back from the billing portal.", is_done: false }),
    ("payment-method-updated", Returned { sentence: "Your payment method was updated.", is_done: true }),
    (
        "payment-method-not-updated",
        Returned { sentence: "You returned without updating your payment method.", is_done: false },
    ),
];

/// The notice after a return from the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Returned {
    pub(crate) sentence: &'static str,
    /// Whether the person finished what the page offered.
    pub(crate) is_done: bool,
}

/// Returns the notice for a marker; `None` if no action has this marker.
pub(crate) fn for_return(marker: &str) -> Option<Returned> {
    RETURNS.iter().find(|(known, _)| *known == marker).map(|(_, returned)| *returned)
}

/// Returns the sentence for a refused call. A newer service may send a reason that this page does not know yet.
pub(super) fn for_refusal(reason: &str) -> &'static str {
    SENTENCES.iter().find(|(reasons, _)| reasons.contains(&reason)).map_or(UNAVAILABLE, |(_, sentence)| sentence)
}

/// Returns the sentence to show instead of the buttons. It is the one for a refused call with the same reason.
pub(super) fn for_hidden_buttons(reason: Reason) -> &'static str {
    for_refusal(reason.as_str_name().trim_start_matches("REASON_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::Action;

    const GUIDE: &str = include_str!("../../../docs/integrate.md");

    /// The pages of the small backends.
    const BACKENDS: [&str; 2] = [include_str!("../../bff/main.rs"), include_str!("../../bff-typescript/src/main.ts")];

    /// Returns the cells of each row of a table in the guide.
    fn rows() -> impl Iterator<Item = Vec<&'static str>> {
        GUIDE
            .lines()
            .filter(|line| line.starts_with('|'))
            .map(|line| line.trim_matches(['|', ' ']).split(" | ").collect())
    }

    #[test]
    fn every_reason_has_exactly_one_sentence() {
        let known: Vec<&str> = SENTENCES.iter().flat_map(|(reasons, _)| reasons.iter().copied()).collect();
        for reason in billing_portal::portal::Reason::ALL {
            // A cancelled call has no client left to show a sentence to.
            let expected = usize::from(reason.as_str() != "CANCELLED");
            assert_eq!(known.iter().filter(|known| **known == reason.as_str()).count(), expected, "{reason:?}");
        }
    }

    #[test]
    fn unknown_reason_gets_the_unavailable_sentence() {
        assert_eq!(for_refusal("REASON_OF_A_NEWER_SERVICE"), UNAVAILABLE);
    }

    #[test]
    fn hidden_buttons_and_refused_call_have_the_same_sentence() {
        assert_eq!(for_hidden_buttons(Reason::NotOwner), ONLY_OWNERS);
        assert_eq!(for_hidden_buttons(Reason::FeatureDisabled), for_refusal("FEATURE_DISABLED"));
        assert_eq!(for_hidden_buttons(Reason::NoBillingAccount), for_refusal("NO_BILLING_ACCOUNT"));
        // The service does not hide the button for this one.
        assert_eq!(for_hidden_buttons(Reason::Allowed), UNAVAILABLE);
    }

    #[test]
    fn guide_for_backends_recommends_the_same_sentences() {
        let rows: Vec<_> = rows().collect();
        for (reasons, sentence) in SENTENCES {
            let short_form = rows.iter().find(|row| row[1] == sentence).unwrap_or_else(|| panic!("{sentence}"))[0];
            for reason in reasons {
                let row = rows.iter().find(|row| row[0] == format!("`{reason}`")).unwrap();
                assert!(row[2].starts_with(short_form), "{row:?}, expected {short_form}");
            }
        }
    }

    #[test]
    fn each_return_has_the_notice_of_the_guide_and_of_the_small_backends() {
        let origin = "https://app.example.com";
        let requests = [Action::Portal, Action::UpdatePaymentMethod].map(|action| action.request(origin));
        let urls =
            requests.into_iter().flat_map(|request| std::iter::once(request.return_url).chain(request.completed_url));
        let markers: Vec<_> = urls.map(|url| url.split_once("?billing=").unwrap().1.to_owned()).collect();
        assert_eq!(markers.len(), RETURNS.len());
        for marker in markers {
            let sentence = for_return(&marker).unwrap().sentence;
            let documented: Vec<_> = rows().filter(|row| row[0] == format!("`?billing={marker}`")).collect();
            assert_eq!(documented.iter().map(|row| row[2]).collect::<Vec<_>>(), [sentence]);
            for backend in BACKENDS {
                assert!(backend.contains(&format!("\"{marker}\"")) && backend.contains(sentence), "{marker}");
            }
        }
        assert_eq!(for_return("other"), None);
    }
}
