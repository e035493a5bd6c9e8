//! What every request of the API passes: key, version, idempotency, and the place of faults.
//!
//! Rules: <https://docs.stripe.com/api/authentication>, <https://docs.stripe.com/api/idempotent_requests>,
//! <https://docs.stripe.com/api/versioning>.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State as Extract},
    http::{HeaderMap, Response, StatusCode},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{
    Shared, customers,
    error::Error,
    form::Form,
    model::{Answer, Mode, RecordedRequest},
    sessions,
    state::{Saved, State, random},
};

/// The account's own version, for requests that name none.
const ACCOUNT_VERSION: &str = "2026-09-30.endive";

/// Answers one request; in a task of its own, so that a client that hangs up does not undo what Stripe has begun.
pub(crate) async fn handle(Extract(shared): Extract<Arc<Shared>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1024 * 1024).await.unwrap_or_else(|_| Bytes::new());
    let call = RecordedRequest {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        headers: recorded(&head.headers),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let authorization = head.headers.get("authorization").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let answering = tokio::spawn(answer(shared, call, authorization));
    let answer = answering.await.unwrap_or_else(|_| Error::invalid(500, "the simulator failed").answer());
    response(answer)
}

async fn answer(shared: Arc<Shared>, call: RecordedRequest, authorization: Option<String>) -> Answer {
    let (mut answer, in_progress) = {
        let mut state = shared.state();
        if state.records {
            state.requests.push(call.clone());
        }
        begin(&mut state, &call, authorization.as_deref())
    };
    let version = call.header("stripe-version").unwrap_or(ACCOUNT_VERSION).to_owned();
    for (name, value) in [
        ("content-type", "application/json".to_owned()),
        ("request-id", format!("req_{}", random())),
        ("stripe-version", version),
    ] {
        answer.headers.push((name.to_owned(), value));
    }
    if let Some(key) = call.header("idempotency-key").filter(|_| call.method == "POST") {
        answer.headers.push(("idempotency-key".to_owned(), key.to_owned()));
    }
    let honest = answer.clone();
    if let Some(tamper) = shared.tamper() {
        answer = tamper(call, answer).await;
    }
    // The key is in progress until the answer leaves.
    if let Some(key) = in_progress
        && let Some(saved) = shared.state().saved.get_mut(&key)
    {
        saved.answer = Some(honest);
    }
    answer
}

type SavedKey = (Mode, String);

/// The answer, and the idempotency key under which it is to be kept.
fn begin(state: &mut State, call: &RecordedRequest, authorization: Option<&str>) -> (Answer, Option<SavedKey>) {
    let mode = match authenticate(state, authorization).and_then(|mode| check_version(call).map(|()| mode)) {
        Ok(mode) => mode,
        Err(error) => return (error.answer(), None),
    };
    let (path, query) = call.path.split_once('?').unwrap_or((&call.path, ""));
    match (call.method.as_str(), path.strip_prefix("/v1/")) {
        ("GET", Some(rest))
            if rest.strip_prefix("customers/").is_some_and(|id| !id.is_empty() && !id.contains('/')) =>
        {
            let id = rest.trim_start_matches("customers/");
            (finish(customers::retrieve(state, mode, id, query)), None)
        }
        ("POST", Some("billing_portal/sessions")) => post(state, mode, call, query),
        (method, _) => {
            let message = format!(
                "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
            );
            (Error::invalid(404, message).answer(), None)
        }
    }
}

fn post(state: &mut State, mode: Mode, call: &RecordedRequest, query: &str) -> (Answer, Option<SavedKey>) {
    let form = match parameters(call, query) {
        Ok(form) => form,
        Err(error) => return (error.answer(), None),
    };
    let Some(key) = call.header("idempotency-key") else {
        return (finish(sessions::create(state, mode, &form)), None);
    };
    if key.is_empty() || key.len() > 255 {
        return (Error::idempotency(400, "Idempotency keys must be between 1 and 255 characters long.").answer(), None);
    }
    let key = (mode, key.to_owned());
    let asked = format!("{} {} {}", call.method, call.path, form.canonical());
    if let Some(saved) = state.saved.get(&key) {
        return (again(saved, &asked, &key.1), None);
    }
    let outcome = sessions::create(state, mode, &form);
    let kept = outcome.as_ref().map_or_else(|error| error.executed, |_| true);
    if kept {
        state.saved.insert(key.clone(), Saved { asked, answer: None });
    }
    (finish(outcome), kept.then_some(key))
}

/// A key that was seen: a mistake, too early, or a replay.
fn again(saved: &Saved, asked: &str, key: &str) -> Answer {
    if saved.asked != asked {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
        );
        return Error::idempotency(400, message).answer();
    }
    let Some(answer) = &saved.answer else {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): {key}. Please try again later."
        );
        return Error::idempotency(409, message).code("idempotency_key_in_use").answer();
    };
    let original =
        answer.headers.iter().find(|(name, _)| name == "request-id").map(|(_, id)| id.clone()).unwrap_or_default();
    let headers =
        vec![("idempotent-replayed".to_owned(), "true".to_owned()), ("original-request".to_owned(), original)];
    Answer { headers, ..answer.clone() }
}

fn parameters(call: &RecordedRequest, query: &str) -> Result<Form, Error> {
    let content_type = call.header("content-type").unwrap_or_default();
    let is_form = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded");
    if !is_form && !call.body.is_empty() {
        let message = format!(
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded, not {content_type})."
        );
        return Err(Error::invalid(400, message));
    }
    let separator = if query.is_empty() || call.body.is_empty() { "" } else { "&" };
    Form::parse(&format!("{query}{separator}{}", call.body), sessions::KNOWN)
}

/// Bearer, or basic with the key as the user.
fn authenticate(state: &State, authorization: Option<&str>) -> Result<Mode, Error> {
    const MISSING: &str = "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/.";
    let (scheme, credentials) =
        authorization.and_then(|value| value.split_once(' ')).ok_or_else(|| Error::invalid(401, MISSING))?;
    let key = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => credentials.to_owned(),
        "basic" => {
            let decoded = STANDARD.decode(credentials).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            decoded.and_then(|pair| pair.split_once(':').map(|(user, _)| user.to_owned())).unwrap_or_default()
        }
        _ => String::new(),
    };
    if key.is_empty() {
        return Err(Error::invalid(401, MISSING));
    }
    state.mode_of(&key).ok_or_else(|| {
        let shown: String = key
            .chars()
            .enumerate()
            .map(|(at, letter)| if at < 8 || at + 4 >= key.chars().count() { letter } else { '*' })
            .collect();
        Error::invalid(401, format!("Invalid API Key provided: {shown}"))
    })
}

/// `2026-09-30.endive`, or a date alone.
fn check_version(call: &RecordedRequest) -> Result<(), Error> {
    let Some(version) = call.header("stripe-version") else { return Ok(()) };
    let (date, name) = version.split_once('.').map_or((version, None), |(date, name)| (date, Some(name)));
    let parts: Vec<&str> = date.split('-').collect();
    let digits = |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let sound = matches!(parts.as_slice(), [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2));
    if sound && name.is_none_or(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase())) {
        return Ok(());
    }
    Err(Error::invalid(400, format!("Invalid Stripe API version: {version}")))
}

fn finish(outcome: Result<Value, Error>) -> Answer {
    match outcome {
        Ok(object) => Answer { status: 200, headers: Vec::new(), body: object.to_string().into_bytes() },
        Err(error) => error.answer(),
    }
}

/// The headers, with the scheme of the authorization in its place: a key is nobody's to see.
fn recorded(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut recorded = Vec::new();
    for (name, value) in headers {
        let value = text(value);
        let value =
            if name == "authorization" { value.split(' ').next().unwrap_or_default().to_owned() } else { value };
        recorded.push((name.to_string(), value));
    }
    recorded
}

fn response(answer: Answer) -> Response<Body> {
    let mut builder =
        Response::builder().status(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    for (name, value) in answer.headers {
        builder = builder.header(name, value);
    }
    builder.body(Body::from(answer.body)).unwrap_or_default()
}
