//! Drives the cases of a class, and compares each with its expectation.

use std::{collections::HashMap, sync::Arc};

use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    call::{self, Reply},
    case::Case,
    checks::{self, Findings},
    class,
    environment::Environment,
    startup,
};
use crate::support::raw_call::OPEN;

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
async fn drive(environment: &Environment, case: &Case) -> Option<String> {
    let (mut findings, world) = (Findings::default(), &environment.world);
    environment.prepare(case).await;
    let token = environment.token(case);
    let headers = call::headers(case, &token, OPEN);
    let audited_before = environment.audit_length();
    let reply = environment.call(case, &headers).await;
    findings.compare("number of queries", &Some(world.queries.take()), &case.expect.queries);
    findings.compare("number of Stripe requests", &Some(world.stripe.requests().len()), &case.expect.stripe_requests);
    findings.compare("reset", &matches!(reply, Reply::Reset), &case.expect.reset);
    let mut request_id = None;
    if let Reply::Http(status, headers, body) = &reply {
        findings.compare("HTTP status", &status.as_u16(), &case.expect.http_status.unwrap_or(200));
        if case.expect.code.is_some() {
            request_id = checks::reply(environment, case, headers, body, &mut findings);
        }
        checks::secrets(environment, case, &token, headers, body, &mut findings);
    }
    let audited = case.expect.reason.as_deref().filter(|_| call::is_audited(&headers));
    let (outcomes, text) = environment.outcomes_since(audited_before, audited.is_some()).await;
    let reasons: Vec<_> = outcomes.iter().map(|outcome| outcome["reason"].as_str().unwrap_or_default()).collect();
    findings.compare("audit outcome", &reasons, &audited.into_iter().collect());
    for outcome in outcomes {
        checks::audit(case, &outcome, request_id.as_deref(), &mut findings);
    }
    let is_secret = token.len() > 20 && text.contains(&token) || text.contains("/p/session/");
    findings.compare("a secret in the audit", &is_secret, &false);
    checks::access(environment, case, headers, &mut findings).await;
    environment.restore(case).await;
    findings.describe(&case.name)
}
