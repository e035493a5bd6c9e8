//! Idempotency keys: <https://docs.stripe.com/api/idempotent_requests>.

use std::sync::Arc;

use crate::{
    Shared,
    error::Error,
    model::Mode,
    state::State,
    wire::{Answer, RecordedRequest},
};

/// Keys of one mode mean nothing in the other.
pub(crate) type Key = (Mode, String);

/// What the first request with a key left behind.
pub(crate) struct Saved {
    path: String,
    parameters: String,
    /// None while the first request is in progress.
    answer: Option<Kept>,
}

struct Kept {
    request_id: String,
    status: u16,
    body: Vec<u8>,
}

/// What a key makes of a request.
pub(crate) enum Claim {
    /// Nothing: there is none.
    Unkeyed,
    /// The first request with it.
    First(Key),
    /// The answer of the first request, once more.
    Replay(Answer),
}

/// Stripe's limit.
const MAX_LENGTH: usize = 255;

/// Looks a request's key up. A key that was used for another request, or whose request is in progress, is refused.
pub(crate) fn claim(state: &State, mode: Mode, call: &RecordedRequest) -> Result<Claim, Error> {
    let Some(key) = call.joined("idempotency-key") else { return Ok(Claim::Unkeyed) };
    if call.header("idempotency-key").is_none() || key.is_empty() || key.chars().count() > MAX_LENGTH {
        let message = format!("Idempotency keys must be between 1 and {MAX_LENGTH} characters long, and sent once.");
        return Err(Error::idempotency(400, message));
    }
    let key = (mode, key);
    let Some(saved) = state.saved.get(&key) else { return Ok(Claim::First(key)) };
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
    Ok(Claim::Replay(Answer { status: kept.status, headers, body: kept.body.clone() }))
}

/// One text for the same parameters, whatever the order of their names.
fn parameters(call: &RecordedRequest) -> String {
    let (_, query) = call.target();
    let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    pairs.extend(form_urlencoded::parse(call.body.as_bytes()));
    pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A key whose request is in progress; it is so until this is dropped, whatever becomes of the answer on its way out.
pub(crate) struct InProgress {
    shared: Arc<Shared>,
    key: Key,
    answer: Option<Kept>,
}

impl InProgress {
    /// Marks the key, in the lock under which it was looked up, so that of two requests at once only one comes first.
    pub(crate) fn begin(state: &mut State, shared: &Arc<Shared>, key: Key, call: &RecordedRequest) -> Self {
        let saved = Saved { path: call.target().0.to_owned(), parameters: parameters(call), answer: None };
        state.saved.insert(key.clone(), saved);
        Self { shared: Arc::clone(shared), key, answer: None }
    }

    /// What replays will say: the honest answer, since a fault on the way out is none of Stripe's doing.
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
