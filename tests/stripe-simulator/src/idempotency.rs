//! Idempotency keys: <https://docs.stripe.com/api/idempotent_requests>.

use std::sync::Arc;

use crate::{
    Shared,
    error::Error,
    model::Mode,
    state::State,
    wire::{Answer, RecordedRequest},
};

/// A key and its mode, because the modes do not share keys.
pub(crate) type Key = (Mode, String);

/// The first request with a key, and its response.
pub(crate) struct Saved {
    path: String,
    parameters: String,
    /// `None` while the first request is in progress.
    answer: Option<Kept>,
}

struct Kept {
    request_id: String,
    status: u16,
    body: Vec<u8>,
}

/// The result of looking up the idempotency key of a request.
pub(crate) enum Lookup {
    /// The request has no key.
    Unkeyed,
    /// The request is the first one with the key.
    First(Key),
    /// The response to the first request is replayed.
    Replay(Answer),
}

/// Stripe's limit for keys, in characters.
const MAX_LENGTH: usize = 255;

/// Looks up the key of a request.
///
/// # Errors
/// Fails if the key was used for another request, or if its request is in progress.
pub(crate) fn look_up(state: &State, mode: Mode, call: &RecordedRequest) -> Result<Lookup, Error> {
    let Some(key) = call.joined("idempotency-key") else { return Ok(Lookup::Unkeyed) };
    if call.header("idempotency-key").is_none() || key.is_empty() || key.chars().count() > MAX_LENGTH {
        let message = format!("Idempotency keys must be between 1 and {MAX_LENGTH} characters long, and sent once.");
        return Err(Error::idempotency(400, message));
    }
    let key = (mode, key);
    let Some(saved) = state.saved.get(&key) else { return Ok(Lookup::First(key)) };
    let (key, (path, _)) = (key.1, call.target());
    if saved.path != path {
        return Err(Error::idempotency(
            400,
            format!(
                "Keys for idempotent requests can only be used for the same endpoint they were first used for ('{path}' vs '{}'). Try using a key other than '{key}' if you meant to execute a different request.",
                saved.path
            ),
        ));
    }
    if saved.parameters != parameters(call) {
        return Err(Error::idempotency(
            400,
            format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
            ),
        ));
    }
    let Some(kept) = &saved.answer else {
        return Err(Error::key_in_use(&key));
    };
    let headers = vec![
        ("idempotent-replayed".to_owned(), "true".to_owned()),
        ("original-request".to_owned(), kept.request_id.clone()),
    ];
    Ok(Lookup::Replay(Answer { status: kept.status, headers, body: kept.body.clone() }))
}

/// Returns the parameters in normalized form, independent of the order of their names.
fn parameters(call: &RecordedRequest) -> String {
    let (_, query) = call.target();
    let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    pairs.extend(form_urlencoded::parse(call.body.as_bytes()));
    pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A key whose request is in progress. Dropping it ends that state, even if the response cannot be sent.
pub(crate) struct InProgress {
    shared: Arc<Shared>,
    key: Key,
    answer: Option<Kept>,
}

impl InProgress {
    /// Marks the key as in progress. Call it under the same lock as [`look_up`], so that only one of two concurrent requests
    /// is the first.
    pub(crate) fn begin(state: &mut State, shared: &Arc<Shared>, key: Key, call: &RecordedRequest) -> Self {
        let saved = Saved { path: call.target().0.to_owned(), parameters: parameters(call), answer: None };
        state.saved.insert(key.clone(), saved);
        Self { shared: Arc::clone(shared), key, answer: None }
    }

    /// Saves the response for replays. It must be the original one, because faults change only the response that is sent.
    pub(crate) fn keep(&mut self, request_id: &str, answer: &Answer) {
        let kept = Kept { request_id: request_id.to_owned(), status: answer.status, body: answer.body.clone() };
        self.answer = Some(kept);
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        if let Some(saved) = self.shared.state().saved.get_mut(&self.key) {
            saved.answer = self.answer.take();
        }
    }
}
