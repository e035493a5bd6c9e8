//! What every request of the API passes: key, version, idempotency, its endpoint, and the place of faults.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    Shared, account, auth, configurations, customers,
    endpoint::Route,
    error::{Error, Log},
    form::Form,
    idempotency::{self, Claim, InProgress},
    model::Mode,
    parameters, sessions,
    state::{State, now, random},
    wire::{Answer, RecordedRequest},
};

/// Answers one request; the authorization stands beside it, so that the record never holds a key.
pub(crate) async fn answer(shared: Arc<Shared>, call: RecordedRequest, authorization: Option<String>) -> Answer {
    let request_id = format!("req_{}", random());
    let (mut answer, in_progress) = {
        let mut state = shared.state();
        if state.records {
            state.requests.push(call.clone());
        }
        begin(&mut state, &shared, &call, authorization.as_deref(), &request_id)
    };
    let mut add = |name: &str, value| answer.headers.push((name.to_owned(), value));
    add("content-type", "application/json".to_owned());
    add("request-id", request_id);
    if let Ok(version) = auth::version(&call) {
        add("stripe-version", version);
    }
    if let Some(key) = call.header("idempotency-key").filter(|_| call.method == "POST") {
        add("idempotency-key", key.to_owned());
    }
    if let Some(tamper) = shared.tamper() {
        answer = tamper(call, answer).await;
    }
    // The key is in progress until the answer leaves.
    drop(in_progress);
    answer
}

/// The answer, and the idempotency key that it is kept under.
fn begin(
    state: &mut State,
    shared: &Arc<Shared>,
    call: &RecordedRequest,
    authorization: Option<&str>,
    request_id: &str,
) -> (Answer, Option<InProgress>) {
    let mut log = Log { mode: None, request_id, at: now() };
    let mode = match admit(state, call, authorization, &mut log) {
        Ok(mode) => mode,
        Err(error) => return (error.answer(log), None),
    };
    if call.method != "POST" {
        return (finish(retrieve(state, mode, call), log), None);
    }
    let key = match idempotency::claim(state, mode, call) {
        Ok(Claim::Replay(answer)) => return (answer, None),
        Ok(Claim::First(key)) => Some(key),
        Ok(Claim::Unkeyed) => None,
        Err(error) => return (error.answer(log), None),
    };
    let outcome = create(state, mode, call);
    // What failed before the endpoint began is not kept: the same key may be used for the request put right.
    let kept = key.filter(|_| outcome.as_ref().map_or_else(|error| error.executed, |_| true));
    let answer = finish(outcome, log);
    let in_progress = kept.map(|key| {
        let mut in_progress = InProgress::begin(state, shared, key, call);
        in_progress.keep(request_id, &answer);
        in_progress
    });
    (answer, in_progress)
}

fn admit(state: &State, call: &RecordedRequest, authorization: Option<&str>, log: &mut Log<'_>) -> Result<Mode, Error> {
    let (path, _) = call.target();
    if !path.starts_with("/v1/") {
        return Err(unrecognized(&call.method, path));
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
        Some(Route::Customer(id)) => customers::retrieve(state, mode, id, query),
        Some(Route::CreateSession) | None => Err(unrecognized(&call.method, path)),
    }
}

fn create(state: &mut State, mode: Mode, call: &RecordedRequest) -> Result<Value, Error> {
    let (path, query) = call.target();
    if !matches!(Route::of(&call.method, path), Some(Route::CreateSession)) {
        return Err(unrecognized(&call.method, path));
    }
    check_content_type(call)?;
    let separator = if query.is_empty() || call.body.is_empty() { "" } else { "&" };
    let form = Form::parse(&format!("{query}{separator}{}", call.body), parameters::SESSION)?;
    sessions::create(state, mode, &form)
}

fn unrecognized(method: &str, path: &str) -> Error {
    let hint = if path.ends_with('/') {
        " If you are trying to list objects, remove the trailing slash. If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier in your code."
    } else {
        ""
    };
    Error::invalid(
        404,
        format!(
            "Unrecognized request URL ({method}: {path}).{hint} Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
        ),
    )
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
