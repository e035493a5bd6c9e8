//! What a person is told. The service's reasons are for programs; these are for people, who can't mend a server.

use billing_portal::grpc::proto::Reason;

/// Also for every status that the service did not make.
pub(super) const UNAVAILABLE: &str = "Billing is unavailable right now.";

const OUR_FAULT: &str = "Billing could not be opened because of a problem on our side. Please contact support.";
const NOT_CONFIRMED: &str =
    "We could not confirm this workspace's billing account, so nothing was opened. Please contact support.";
const BUSY: &str = "Billing is busy right now. Please try again in a moment.";
const NOT_REACHED: &str = "Billing can't be reached right now. Please try again in a few minutes.";

/// Every reason that the contract names, once, by what a person can do about it.
const SENTENCES: [(&[&str], &str); 11] = [
    (
        &["TENANT_MISMATCH"],
        "This page shows another workspace than the one you are signed in to. Reload your settings and try again.",
    ),
    (&["FEATURE_DISABLED"], "Billing has just been switched off for this workspace. Nothing was changed."),
    (&["NOT_OWNER"], "Only owners of this workspace can manage billing."),
    (&["NO_BILLING_ACCOUNT"], "This workspace has no billing account yet. Please contact support to set one up."),
    (&["RATE_LIMITED"], "You have opened billing many times in a short while. Please wait a minute and try again."),
    (&["STRIPE_RATE_LIMITED", "STRIPE_CONFLICT", "OVERLOADED"], BUSY),
    (
        &["STRIPE_UNAVAILABLE", "DATABASE_UNAVAILABLE", "KEYS_UNAVAILABLE", "AUDIT_UNAVAILABLE", "SHUTTING_DOWN"],
        NOT_REACHED,
    ),
    (&["DEADLINE_EXCEEDED"], "Billing took too long to answer, so nothing was opened."),
    (&["TENANT_PROOF_MISSING", "BILLING_ACCOUNT_MISSING_AT_STRIPE", "MAPPING_INTEGRITY"], NOT_CONFIRMED),
    // What this backend sends; the token is its own too, so a person who signs in again would gain nothing.
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
    // What the service or its account at Stripe has wrong.
    (&["PORTAL_NOT_CONFIGURED", "STRIPE_RESPONSE_REJECTED", "STRIPE_CREDENTIALS", "STRIPE_PROTOCOL", "BUG"], OUR_FAULT),
];

/// The sentence for a refusal's reason. A reason of a newer service than this page knows is no reason to fail.
pub(super) fn refused(reason: &str) -> &'static str {
    SENTENCES.iter().find(|(reasons, _)| reasons.contains(&reason)).map_or(UNAVAILABLE, |(_, sentence)| sentence)
}

/// The sentence in place of the button.
pub(super) fn hidden(reason: Reason) -> &'static str {
    match reason {
        Reason::NotOwner => "Only owners of this workspace can manage billing.",
        Reason::FeatureDisabled => "Billing is not available for this workspace yet.",
        Reason::NoBillingAccount => "This workspace has no billing account yet. Please contact support to set one up.",
        // Neither belongs to a hidden button, so neither is explained.
        Reason::Allowed | Reason::Unspecified => UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_the_service_has_one_sentence_of_its_own() {
        let known: Vec<&str> = SENTENCES.iter().flat_map(|(reasons, _)| reasons.iter().copied()).collect();
        for reason in billing_portal::portal::Reason::ALL {
            // Nobody is left to be told that they gave up.
            let expected = usize::from(reason.as_str() != "CANCELLED");
            assert_eq!(known.iter().filter(|known| **known == reason.as_str()).count(), expected, "{reason:?}");
        }
    }

    #[test]
    fn an_unknown_reason_is_an_outage() {
        assert_eq!(refused("A_REASON_OF_TOMORROW"), UNAVAILABLE);
    }
}
