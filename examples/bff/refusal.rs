//! What a failed call means: for the log of this backend, and for the person.

use serde_json::json;
use tonic::Status;
use tonic_types::StatusExt as _;

/// Also shown for every status that does not come from the service.
pub(crate) const UNAVAILABLE: &str = "Billing is unavailable right now. Please try again in a few minutes.";

/// The reason why the portal was not opened, as shown to the person.
pub(crate) struct Refusal {
    pub(crate) sentence: &'static str,
    /// The reference that the person quotes to support; `None` if the status does not come from the service.
    pub(crate) request_id: Option<String>,
}

/// Logs a failed call and returns what to show. The ErrorInfo decides, never the status text. A status without the
/// service's ErrorInfo does not come from the service.
pub(crate) fn refusal(rpc: &str, status: &Status) -> Refusal {
    let info = status.get_details_error_info().filter(|info| info.domain == "billing.portal.v1");
    // A BadRequest names the fields of the message that break a rule, and the rule.
    let violations = status.get_details_bad_request().map_or_else(Vec::new, |details| details.field_violations);
    let fields: Vec<_> = violations.iter().map(|field| format!("{}: {}", field.field, field.description)).collect();
    let (reason, request_id) = match info {
        Some(mut info) => (Some(info.reason), info.metadata.remove("request_id")),
        None => (None, None),
    };
    let (code, message) = (status.code() as i32, status.message());
    let line = json!({
        "rpc": rpc, "code": code, "message": message, "reason": reason, "request_id": request_id, "fields": fields,
    });
    println!("{line}");
    Refusal { sentence: reason.as_deref().map_or(UNAVAILABLE, sentence), request_id }
}

/// Returns the sentence for a reason, in place of the button and after a click.
pub(crate) fn sentence(reason: &str) -> &'static str {
    match reason {
        "NOT_OWNER" => "Only owners of this workspace can manage billing. Please ask an owner.",
        "FEATURE_DISABLED" => {
            "Billing is not available for this workspace right now. Please contact support if you need it."
        }
        "NO_BILLING_ACCOUNT" => {
            "Your workspace does not have a billing account yet. Please contact support to set one up."
        }
        "TENANT_MISMATCH" => "You are now in a different workspace, so billing was not opened. Please try again.",
        "RATE_LIMITED" => "You have opened billing many times in a short time. Please wait a minute and try again.",
        "STRIPE_RATE_LIMITED" | "STRIPE_CONFLICT" | "OVERLOADED" => {
            "Billing is busy right now. Please try again in a moment."
        }
        "TENANT_PROOF_MISSING" | "BILLING_ACCOUNT_MISSING_AT_STRIPE" | "MAPPING_INTEGRITY" => {
            "We could not verify your workspace's billing account. Please contact support."
        }
        // The person cannot do anything about the other reasons, so the page reports an outage.
        _ => UNAVAILABLE,
    }
}
