//! Drives the cases of a class, and compares each with its expectation.

use std::{collections::HashMap, sync::Arc};

use base64::Engine as _;
use billing_portal::grpc::proto::{CreatePortalSessionResponse, GetPortalAccessRequest, GetPortalAccessResponse};
use prost::Message as _;
use stripe_simulator::Mode;
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    call::{self, Headers, Reply},
    case::Case,
    class,
    environment::{Environment, is_audited},
    message, startup,
};
use crate::support::{
    ClientError,
    raw_call::{OPEN, frame},
};

const CONTRACT: &str = include_str!("../../../docs/contract.md");

/// Texts that the answer to no case may contain: what the cases write into tokens, messages and Stripe's responses.
const SECRETS: [&str; 7] = ["secret text", "cus_", "bps_", "/p/session/", "evil", "globex", "olivia"];

/// The name of a case, and what differs from its expectation.
struct Findings(String, Vec<String>);

impl Findings {
    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: &T, expected: &T) {
        if found != expected {
            self.add(format!("{what} is {found:?} instead of {expected:?}"));
        }
    }

    fn add(&mut self, finding: impl std::fmt::Display) {
        self.1.push(format!("{}: {finding}", self.0));
    }
}

/// The number of cases with a process or a server of their own that run at the same time.
const CONCURRENT: usize = 8;

/// Drives every case of a class.
pub(super) async fn class(name: &str) {
    let class = class::read(name);
    let (mut shared, mut alone, turns) = (HashMap::new(), JoinSet::new(), Arc::new(Semaphore::new(CONCURRENT)));
    let (mut problems, mut count) = (Vec::new(), 0);
    for case in class.cases.iter().flat_map(|row| class.variants(row)).filter(|case| case.covered_by.is_none()) {
        count += 1;
        if case.start.is_some() || case.needs_own_server() {
            let turns = Arc::clone(&turns);
            alone.spawn(async move {
                let _turn = turns.acquire().await.unwrap();
                match &case.start {
                    Some(start) => startup::drive(&case, start).await,
                    None => drive(&Environment::start(&case).await, &case).await,
                }
            });
            continue;
        }
        if !shared.contains_key(&case.settings) {
            shared.insert(case.settings.clone(), Environment::start(&case).await);
        }
        problems.extend(drive(&shared[&case.settings], &case).await);
    }
    problems.extend(alone.join_all().await.into_iter().flatten());
    println!("corpus {name}: {} cases, {count} calls or starts", class.cases.len());
    assert!(problems.is_empty(), "{} problems in {name}:\n{}", problems.len(), problems.join("\n"));
}

/// Makes the call of a case, and returns what differs from its expectation.
async fn drive(environment: &Environment, case: &Case) -> Vec<String> {
    let mut findings = Findings(case.name.clone(), Vec::new());
    let world = &environment.world;
    environment.prepare(case).await;
    let token = environment.token(case);
    let headers = call::headers(case, &token, OPEN);
    let audited_before = environment.audit_length();
    let reply = environment.call(case, &headers).await;
    findings.compare("number of queries", &Some(world.queries.take()), &case.expect.queries);
    findings.compare("number of Stripe requests", &Some(world.stripe.requests().len()), &case.expect.stripe_requests);
    let expected_reason = case.expect.reason.as_deref();
    match reply {
        Reply::Reset => findings.compare("reset", &true, &case.expect.reset),
        Reply::Http(status, response, body) => {
            findings.compare("reset", &false, &case.expect.reset);
            findings.compare("HTTP status", &status.as_u16(), &case.expect.http_status.unwrap_or(200));
            if case.expect.code.is_some() {
                check_reply(environment, case, (&response, &body), &mut findings);
            }
            check_secrets(environment, case, &token, (&response, &body), &mut findings);
        }
    }
    let audited = expected_reason.filter(|_| is_audited(&call::path(&headers)));
    let (outcomes, text) = environment.outcomes_since(audited_before, audited.is_some()).await;
    let reasons: Vec<_> = outcomes.iter().map(|entry| entry["reason"].as_str().unwrap_or_default()).collect();
    findings.compare("audit outcome", &reasons, &audited.into_iter().collect());
    for outcome in outcomes {
        findings.compare("released", &(outcome["released"] == true), &(expected_reason == Some("OK")));
        findings.compare("detail", &outcome["detail"].as_str(), &case.expect.detail.as_deref());
    }
    if token.len() > 20 && text.contains(&token) || text.contains("/p/session/") {
        findings.add("the audit contains a secret");
    }
    check_access(environment, case, &headers, &mut findings).await;
    environment.restore(case).await;
    findings.1
}

/// Compares code and reason, and the customer of a released URL.
fn check_reply(
    environment: &Environment,
    case: &Case,
    (headers, body): (&http::HeaderMap, &[u8]),
    findings: &mut Findings,
) {
    let refusal = match call::refusal(headers) {
        Ok(refusal) => refusal,
        Err(problem) => return findings.add(problem),
    };
    let (code, reason) = refusal
        .as_ref()
        .map_or_else(|| ("OK".to_owned(), "OK"), |refusal| (call::code_name(refusal.code), refusal.reason.as_str()));
    findings.compare("code", &Some(code), &case.expect.code);
    findings.compare("reason", &Some(reason), &case.expect.reason.as_deref());
    if let Some(refusal) = &refusal {
        findings.compare("retry", &refusal.may_retry, &(refusal.code == tonic::Code::Unavailable));
        findings.compare("body", &body.len(), &0);
        check_violation(case, refusal, findings);
    } else {
        let response = CreatePortalSessionResponse::decode(body.get(5..).unwrap_or_default()).unwrap();
        let customer = environment.world.stripe.customer_of(&response.url);
        findings.compare("customer", &customer.as_deref(), &Some("cus_A"));
    }
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

/// Asserts that a refusal contains nothing secret.
fn check_secrets(
    environment: &Environment,
    case: &Case,
    token: &str,
    (headers, body): (&http::HeaderMap, &[u8]),
    findings: &mut Findings,
) {
    if case.expect.reason.as_deref() == Some("OK") {
        return;
    }
    let mut texts = vec![String::from_utf8_lossy(body).into_owned()];
    for value in headers.values() {
        texts.push(String::from_utf8_lossy(value.as_bytes()).into_owned());
        let details = base64::engine::general_purpose::STANDARD_NO_PAD.decode(value.as_bytes());
        texts.push(String::from_utf8_lossy(&details.unwrap_or_default()).into_owned());
    }
    let key = environment.world.stripe.secret_key(Mode::Test);
    let signature = token.rsplit('.').next().filter(|signature| signature.len() > 20);
    // Neither does it repeat what a case sends.
    for secret in SECRETS.into_iter().chain([key]).chain(signature) {
        if texts.iter().any(|text| text.contains(secret)) {
            findings.add(format!("the answer contains {}", &secret[..secret.len().min(11)]));
        }
    }
}

/// Compares what the page receives. A token or caller that is refused must be refused there as well.
async fn check_access(environment: &Environment, case: &Case, headers: &Headers, findings: &mut Findings) {
    let reason = case.expect.reason.as_deref().unwrap_or_default();
    let is_same = matches!(reason, "CALLER_NOT_ALLOWED") || reason.starts_with("TOKEN_");
    let Some(expected) = case.expect.access.as_deref().or(is_same.then_some(reason)) else { return };
    if case.http2 || call::path(headers) != OPEN {
        return;
    }
    let mut headers = headers.clone();
    for (_, value) in headers.iter_mut().filter(|(name, _)| name == ":path") {
        *value = b"/billing.portal.v1.PortalAccess/GetPortalAccess".to_vec();
    }
    let displayed_tenant_id = message::request(&case.request).displayed_tenant_id;
    let body = frame(0, &GetPortalAccessRequest { displayed_tenant_id }.encode_to_vec());
    let reply = call::send(&environment.client, environment.world.address, &headers, &body).await;
    let Reply::Http(_, headers, body) = reply else { return findings.add("the page receives nothing") };
    let received = match call::refusal(&headers) {
        Err(problem) => problem,
        Ok(Some(refusal)) => refusal.reason,
        Ok(None) => {
            let response = GetPortalAccessResponse::decode(body.get(5..).unwrap_or_default()).unwrap();
            findings.compare("visible", &response.visible, &(expected == "ALLOWED"));
            response.reason().as_str_name().trim_start_matches("REASON_").to_owned()
        }
    };
    findings.compare("what the page receives", &received.as_str(), &expected);
}
