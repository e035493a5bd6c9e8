//! The processing that all API requests share: key, version, idempotency, endpoint and faults.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    Shared, account, auth, checkout, configurations,
    connection::Delivery,
    customers,
    endpoint::Route,
    error::{Error, Log},
    events,
    faults::{self, Effect, Refusal, RequestInfo},
    form::Form,
    idempotency::{self, InProgress, Lookup},
    model::{Cause, Mode},
    parameters, sessions,
    state::{State, now, random},
    subscriptions,
    wire::{Answer, RecordedRequest},
};

/// Returns the response to a request and its delivery. The authorization is separate from the request, so that recorded
/// requests never contain a key.
pub(crate) async fn respond(
    shared: Arc<Shared>,
    call: RecordedRequest,
    authorization: Option<String>,
) -> (Answer, Delivery) {
    let request_id = format!("req_{}", random());
    let (answer, delivery, in_progress) = {
        let mut state = shared.state();
        if state.recording {
            state.requests.push(call.clone());
        }
        process(&mut state, &shared, &call, authorization.as_deref(), &request_id)
    };
    let mut answer = with_headers(answer, &call, request_id);
    if let Some(tamper) = shared.tamper() {
        answer = tamper(call, answer).await;
    }
    // The idempotency key is in progress until the response is sent.
    drop(in_progress);
    (answer, delivery)
}

fn with_headers(mut answer: Answer, call: &RecordedRequest, request_id: String) -> Answer {
    let mut add = |name: &str, value| {
        // A fault may have set the header.
        if !answer.headers.iter().any(|(other, _)| other == name) {
            answer.headers.push((name.to_owned(), value));
        }
    };
    add("content-type", "application/json".to_owned());
    add("request-id", request_id);
    if let Ok(version) = auth::version(call) {
        add("stripe-version", version);
    }
    if let Some(key) = call.header("idempotency-key").filter(|_| call.method == "POST") {
        add("idempotency-key", key.to_owned());
    }
    answer
}

/// Processes a request, and applies the fault that is chosen for it, if any.
fn process(
    state: &mut State,
    shared: &Arc<Shared>,
    call: &RecordedRequest,
    authorization: Option<&str>,
    request_id: &str,
) -> (Answer, Delivery, Option<InProgress>) {
    let mode = auth::authenticate(state, authorization).ok().map(|key| key.mode);
    let request = RequestInfo::of(state, call, mode);
    let log = Log { mode, request_id, at: now() };
    let injection = match faults::choose(state, &request) {
        Ok(injection) => injection,
        Err(invalid) => return (Error::invalid(500, invalid).answer(log), Delivery::Whole, None),
    };
    let effect = injection.map(|injection| injection.fault.effect());
    let refusal = if let Some(Effect::Refuse(refuse)) = effect { refuse(&request) } else { None };
    let (mut answer, in_progress) = execute(state, shared, call, authorization, refusal, log);
    let mut delivery = Delivery::Whole;
    match effect {
        Some(Effect::Change(change)) => answer = change(state, &request, answer),
        Some(Effect::Deliver(faulty)) => delivery = faulty,
        Some(Effect::Outage(outage)) => {
            shared.listener.fail_temporarily(outage, injection.and_then(|injection| injection.first));
            delivery = Delivery::Reset;
        }
        Some(Effect::Refuse(_)) | None => {}
    }
    if let Some(should_retry) = injection.and_then(|injection| injection.should_retry) {
        answer.headers.push(("stripe-should-retry".to_owned(), should_retry.to_string()));
    }
    (answer, delivery, in_progress)
}

/// Returns the response without faults other than the refusal, and its idempotency key.
fn execute(
    state: &mut State,
    shared: &Arc<Shared>,
    call: &RecordedRequest,
    authorization: Option<&str>,
    refusal: Option<Refusal>,
    mut log: Log<'_>,
) -> (Answer, Option<InProgress>) {
    let mode = match authorize(state, call, authorization, &mut log) {
        Ok(mode) => mode,
        Err(error) => return (error.answer(log), None),
    };
    let failure = match refusal {
        Some(Refusal::Deleted(answer)) => return (answer, None),
        Some(Refusal::Error(error)) if error.executed => Some(error),
        Some(Refusal::Error(error)) => return (error.answer(log), None),
        None => None,
    };
    if call.method != "POST" {
        return (finish(failure.map_or_else(|| retrieve(state, mode, call), Err), log), None);
    }
    let key = match idempotency::look_up(state, mode, call) {
        Ok(Lookup::Replay(answer)) => return (answer, None),
        Ok(Lookup::First(key)) => Some(key),
        Ok(Lookup::Unkeyed) => None,
        Err(error) => return (error.answer(log), None),
    };
    let outcome = failure.map_or_else(|| change(state, mode, call, log.request_id), Err);
    // Errors before the endpoint started are not kept, so that a corrected request can use the same key.
    let kept = key.filter(|_| outcome.as_ref().map_or_else(|error| error.executed, |_| true));
    let answer = finish(outcome, log);
    let in_progress = kept.map(|key| {
        let mut in_progress = InProgress::begin(state, shared, key, call);
        in_progress.keep(log.request_id, &answer);
        in_progress
    });
    (answer, in_progress)
}

fn authorize(
    state: &State,
    call: &RecordedRequest,
    authorization: Option<&str>,
    log: &mut Log<'_>,
) -> Result<Mode, Error> {
    let (path, _) = call.target();
    if !path.starts_with("/v1/") {
        return Err(Error::unrecognized(&call.method, path));
    }
    let key = auth::authenticate(state, authorization)?;
    log.mode = Some(key.mode);
    auth::version(call)?;
    if let Some(route) = Route::of(&call.method, path) {
        key.check(route.permission(), &state.account_id)?;
    }
    Ok(key.mode)
}

fn retrieve(state: &State, mode: Mode, call: &RecordedRequest) -> Result<Value, Error> {
    let (path, query) = call.target();
    match Route::of(&call.method, path) {
        Some(Route::Account) => account::retrieve(state, query),
        Some(Route::Configurations) => configurations::list(state, mode, query),
        Some(Route::Configuration(id)) => configurations::retrieve(state, mode, id, query),
        Some(Route::CheckoutSessions) => checkout::list(state, mode, query),
        Some(Route::Customer(id)) => customers::retrieve(state, mode, id, query),
        Some(Route::Events) => events::list(state, mode, query),
        Some(Route::Subscriptions) => subscriptions::list(state, mode, query),
        Some(Route::CreateSession | Route::UpdateCustomer(_)) | None => Err(Error::unrecognized(&call.method, path)),
    }
}

/// Creates or updates an object.
fn change(state: &mut State, mode: Mode, call: &RecordedRequest, request_id: &str) -> Result<Value, Error> {
    let (path, query) = call.target();
    let separator = if query.is_empty() || call.body.is_empty() { "" } else { "&" };
    let form = |known| {
        check_content_type(call)?;
        Form::parse(&format!("{query}{separator}{}", call.body), known)
    };
    match Route::of(&call.method, path) {
        Some(Route::CreateSession) => {
            let cause = Cause { request_id, idempotency_key: call.header("idempotency-key") };
            sessions::create(state, mode, &form(parameters::SESSION)?, cause)
        }
        Some(Route::UpdateCustomer(id)) => customers::update(state, mode, id, &form(parameters::CUSTOMER_UPDATE)?),
        Some(
            Route::Account
            | Route::CheckoutSessions
            | Route::Configurations
            | Route::Configuration(_)
            | Route::Customer(_)
            | Route::Events
            | Route::Subscriptions,
        )
        | None => Err(Error::unrecognized(&call.method, path)),
    }
}

fn check_content_type(call: &RecordedRequest) -> Result<(), Error> {
    let content_type = call.joined("content-type").unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/x-www-form-urlencoded" || (content_type.is_empty() && call.body.is_empty()) {
        return Ok(());
    }
    let message = if essence == "application/json" {
        "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have any questions, we can help at https://support.stripe.com/.".to_owned()
    } else {
        format!(
            "Invalid request: unsupported Content-Type {content_type}. If error persists and you need assistance, please contact support@stripe.com."
        )
    };
    Err(Error::invalid(400, message))
}

fn finish(outcome: Result<Value, Error>, log: Log<'_>) -> Answer {
    match outcome {
        Ok(object) => Answer { status: 200, headers: Vec::new(), body: object.to_string().into_bytes() },
        Err(error) => error.answer(log),
    }
}
