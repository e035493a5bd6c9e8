//! Compares what a call caused with the expectation of its case.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use billing_portal::grpc::proto::{CreatePortalSessionResponse, GetPortalAccessRequest, GetPortalAccessResponse};
use http::HeaderMap;
use prost::Message as _;
use serde_json::Value;
use stripe_simulator::Mode;

use super::{
    call::{self, Headers, Reply},
    case::Case,
    environment::Environment,
    message, startup,
};
use crate::support::{
    ClientError,
    raw_call::{OPEN, frame},
};

const CONTRACT: &str = include_str!("../../../docs/contract.md");

/// Texts that the answer to no case may contain: what the cases write into tokens, messages and Stripe's responses.
const SECRETS: [&str; 7] = ["secret text", "cus_", "bps_", "/p/session/", "evil", "globex", "olivia"];

/// What differs from the expectation of a case.
#[derive(Default)]
pub(super) struct Findings(Vec<String>);

impl Findings {
    pub(super) fn compare<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: &T, expected: &T) {
        if found != expected {
            self.0.push(format!("{what} is {found:?} instead of {expected:?}"));
        }
    }

    /// Returns everything that differs, with the name of the case.
    pub(super) fn describe(self, name: &str) -> Option<String> {
        (!self.0.is_empty()).then(|| format!("{name}: {}", self.0.join("; ")))
    }
}

/// Compares code and reason, and the customer of a released URL. Returns the request id of a refusal.
pub(super) fn reply(
    environment: &Environment,
    case: &Case,
    headers: &HeaderMap,
    body: &[u8],
    findings: &mut Findings,
) -> Option<String> {
    let refusal = call::refusal(headers);
    let (code, reason) = match &refusal {
        Some(refusal) => (call::code_name(refusal.code), refusal.reason.as_str()),
        None => ("OK".to_owned(), "OK"),
    };
    findings.compare("code", &Some(code), &case.expect.code);
    findings.compare("reason", &Some(reason), &case.expect.reason.as_deref());
    let Some(refusal) = refusal else {
        let response = CreatePortalSessionResponse::decode(body.get(5..).unwrap_or_default()).unwrap();
        let customer = environment.world.stripe.customer_of(&response.url);
        findings.compare("customer", &customer.as_deref(), &Some("cus_A"));
        return None;
    };
    findings.compare("retry", &refusal.may_retry, &(refusal.code == tonic::Code::Unavailable));
    findings.compare("body", &body.len(), &0);
    check_violation(case, &refusal, findings);
    Some(refusal.request_id)
}

/// Compares the field and the rule that a refusal names, if the case does. The contract documents the rule.
fn check_violation(case: &Case, refusal: &ClientError, findings: &mut Findings) {
    let (field, rule) = refusal.violation.clone().unzip();
    if let Some(expected) = &case.expect.field {
        findings.compare("field", &field.as_ref(), &Some(expected));
    }
    if let Some(expected) = &case.expect.rule {
        findings.compare("rule", &rule.as_ref(), &Some(expected));
        findings.compare("documented", &CONTRACT.contains(&format!("`{expected}`")), &true);
    }
}

/// Asserts that the answer contains nothing secret, except for the URL of a success.
pub(super) fn secrets(
    environment: &Environment,
    case: &Case,
    token: &str,
    headers: &HeaderMap,
    body: &[u8],
    findings: &mut Findings,
) {
    if case.expect.reason.as_deref() == Some("OK") {
        return;
    }
    let mut texts = vec![String::from_utf8_lossy(body).into_owned()];
    for value in headers.values() {
        texts.push(String::from_utf8_lossy(value.as_bytes()).into_owned());
        let details = STANDARD_NO_PAD.decode(value.as_bytes()).unwrap_or_default();
        texts.push(String::from_utf8_lossy(&details).into_owned());
    }
    let key = environment.world.stripe.secret_key(Mode::Test);
    let signature = token.rsplit('.').next().filter(|signature| signature.len() > 20);
    for secret in SECRETS.into_iter().chain([key]).chain(signature) {
        let is_in_answer = texts.iter().any(|text| text.contains(secret));
        findings.compare(&format!("{} in the answer", &secret[..secret.len().min(11)]), &is_in_answer, &false);
    }
}

/// Compares an audit outcome.
pub(super) fn audit(case: &Case, outcome: &Value, request_id: Option<&str>, findings: &mut Findings) {
    let is_ok = case.expect.reason.as_deref() == Some("OK");
    findings.compare("released", &outcome["released"], &is_ok.into());
    findings.compare("detail", &outcome["detail"].as_str(), &case.expect.detail.as_deref());
    if request_id.is_some() {
        findings.compare("request id", &outcome["request_id"].as_str(), &request_id);
    }
    for (name, expected) in &case.expect.audit {
        let found = &outcome[name];
        let texts = found.as_str().zip(expected.as_str());
        if !texts.is_some_and(|(found, expected)| startup::matches(found, expected)) {
            findings.compare(name, found, expected);
        }
    }
}

/// Compares what the page receives. A token or caller that is refused must be refused there as well.
pub(super) async fn access(environment: &Environment, case: &Case, mut headers: Headers, findings: &mut Findings) {
    let reason = case.expect.reason.as_deref().unwrap_or_default();
    let is_same = matches!(reason, "CALLER_NOT_ALLOWED") || reason.starts_with("TOKEN_");
    let Some(expected) = case.expect.access.as_deref().or(is_same.then_some(reason)) else { return };
    if case.http2 || call::path(&headers) != OPEN.as_bytes() {
        return;
    }
    for (_, value) in headers.iter_mut().filter(|(name, _)| name == ":path") {
        *value = b"/billing.portal.v1.PortalAccess/GetPortalAccess".to_vec();
    }
    let displayed_tenant_id = message::request(&case.request).displayed_tenant_id;
    let body = frame(0, &GetPortalAccessRequest { displayed_tenant_id }.encode_to_vec());
    let reply = call::send(&environment.client, environment.world.address, &headers, &body).await;
    let Reply::Http(_, headers, body) = reply else { return findings.compare("reset", &true, &false) };
    let received = if let Some(refusal) = call::refusal(&headers) {
        refusal.reason
    } else {
        let response = GetPortalAccessResponse::decode(body.get(5..).unwrap_or_default()).unwrap();
        findings.compare("visible", &response.visible, &(expected == "ALLOWED"));
        response.reason().as_str_name().trim_start_matches("REASON_").to_owned()
    };
    findings.compare("what the page receives", &received.as_str(), &expected);
}
