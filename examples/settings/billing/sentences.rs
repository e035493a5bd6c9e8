//! The sentences that the page shows for the service's reasons. Each says what happened and, where there is one, the
//! next step.

use billing_portal::grpc::proto::Reason;

/// Also shown for every status that does not come from the service.
pub(super) const UNAVAILABLE: &str = "Billing is unavailable right now.";

const OUR_FAULT: &str = "Billing could not be opened because of a problem on our side. Please contact support.";
const NOT_VERIFIED: &str =
    "We could not verify your workspace's billing account, so billing was not opened. Please contact support.";
const ONLY_OWNERS: &str = "Only owners of this workspace can manage billing. Please ask an owner for help.";
const NO_ACCOUNT: &str = "Your workspace has no billing account yet. Please contact support to set one up.";
const BUSY: &str = "Billing is busy right now. Please try again in a moment.";
const OUTAGE: &str = "Billing can't be reached right now. Please try again in a few minutes.";

/// Every reason in the contract, grouped by what the person can do about it.
const SENTENCES: [(&[&str], &str); 11] = [
    (
        &["TENANT_MISMATCH"],
        "This page shows a different workspace than the one you are signed in to. Reload your settings and try again.",
    ),
    (&["FEATURE_DISABLED"], "Billing has just been switched off for this workspace. Nothing was changed."),
    (&["NOT_OWNER"], ONLY_OWNERS),
    (&["NO_BILLING_ACCOUNT"], NO_ACCOUNT),
    (&["RATE_LIMITED"], "You have opened billing many times in a short time. Please wait a minute and try again."),
    (&["STRIPE_RATE_LIMITED", "STRIPE_CONFLICT", "OVERLOADED"], BUSY),
    (&["STRIPE_UNAVAILABLE", "DATABASE_UNAVAILABLE", "KEYS_UNAVAILABLE", "AUDIT_UNAVAILABLE", "SHUTTING_DOWN"], OUTAGE),
    (
        &["DEADLINE_EXCEEDED"],
        "Billing took too long to respond, so it was not opened. If this keeps happening, please contact support.",
    ),
    (&["TENANT_PROOF_MISSING", "BILLING_ACCOUNT_MISSING_AT_STRIPE", "MAPPING_INTEGRITY"], NOT_VERIFIED),
    // Defects of this backend. It also signs the token, so signing in again does not help.
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
        ],
        OUR_FAULT,
    ),
    // Defects of the service or of its Stripe account.
    (&["PORTAL_NOT_CONFIGURED", "STRIPE_RESPONSE_REJECTED", "STRIPE_CREDENTIALS", "STRIPE_PROTOCOL", "BUG"], OUR_FAULT),
];

/// Returns the sentence for a refused call. A newer service may send a reason that this page does not know yet.
pub(super) fn for_refusal(reason: &str) -> &'static str {
    SENTENCES.iter().find(|(reasons, _)| reasons.contains(&reason)).map_or(UNAVAILABLE, |(_, sentence)| sentence)
}

/// Returns the sentence to show instead of the button.
pub(super) fn for_hidden_button(reason: Reason) -> &'static str {
    match reason {
        Reason::NotOwner => ONLY_OWNERS,
        Reason::FeatureDisabled => "Billing is not available for this workspace yet.",
        Reason::NoBillingAccount => NO_ACCOUNT,
        // The service does not hide the button for either of these.
        Reason::Allowed | Reason::Unspecified => UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
