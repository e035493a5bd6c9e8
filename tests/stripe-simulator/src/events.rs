//! `GET /v1/events`: <https://docs.stripe.com/api/events/list>.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    Simulator,
    auth::ACCOUNT_VERSION,
    error::Error,
    form::{self, Form},
    list::Page,
    model::{Event, Mode},
    parameters,
    state::State,
};

/// The maximum number of `types`.
const MAX_TYPES: usize = 20;

impl Simulator {
    /// Moves every event so far into the past, as if it had happened earlier.
    pub fn age_events(&self, by: Duration) {
        for event in self.shared.state().events.values_mut() {
            event.created = event.created.saturating_sub(by.as_secs());
        }
    }
}

/// Lists events, newest first.
pub(crate) fn list(state: &State, mode: Mode, query: &str) -> Result<Value, Error> {
    let form = Form::parse(query, parameters::EVENTS)?;
    let kinds = kinds(&form)?;
    let is_created_then = created(&form)?;
    let page = Page::of(&form)?;
    let found = state.events.newest_first().filter(|event| event.mode == mode && is_created_then(event.created));
    let found = found.filter(|event| kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|kind| is_of(event, kind))));
    page.select("/v1/events", "event", found.map(|event| (event.id.as_str(), object(event))).collect())
}

/// Returns the requested types; `None` means every type.
fn kinds(form: &Form) -> Result<Option<Vec<&str>>, Error> {
    let types = (0..form.len("types")).map(|index| form.required(&format!("types[{index}]")));
    let types: Vec<&str> = types.collect::<Result<_, _>>()?;
    if types.len() > MAX_TYPES {
        return Err(Error::invalid(400, format!("You may only specify up to {MAX_TYPES} types.")).param("types"));
    }
    match form.optional("type")? {
        Some(_) if !types.is_empty() => {
            let message = "You may only specify one of these parameters: type, types.";
            Err(Error::invalid(400, message).code("parameters_exclusive").param("type"))
        }
        Some(kind) => Ok(Some(vec![kind])),
        None => Ok((!types.is_empty()).then_some(types)),
    }
}

/// Returns whether an event has a type, which can end with the wildcard `*`.
fn is_of(event: &Event, kind: &str) -> bool {
    kind.strip_suffix('*').map_or(event.kind == kind, |group| event.kind.starts_with(group))
}

/// Returns the condition of `created`: an exact time, or a range.
fn created(form: &Form) -> Result<impl Fn(u64) -> bool + use<>, Error> {
    let bound = |name: &str| form.optional(name)?.map(|text| form::integer(text, name)).transpose();
    let exactly = bound("created")?;
    let (gt, gte) = (bound("created[gt]")?, bound("created[gte]")?);
    let (lt, lte) = (bound("created[lt]")?, bound("created[lte]")?);
    Ok(move |time| {
        exactly.is_none_or(|bound| time == bound)
            && gt.is_none_or(|bound| time > bound)
            && gte.is_none_or(|bound| time >= bound)
            && lt.is_none_or(|bound| time < bound)
            && lte.is_none_or(|bound| time <= bound)
    })
}

fn object(event: &Event) -> Value {
    json!({
        "id": event.id,
        "object": "event",
        // The version of the account when the event happened, whatever the version of the request.
        "api_version": ACCOUNT_VERSION,
        "created": event.created,
        "data": {"object": serde_json::from_str::<Value>(&event.object).unwrap_or_default()},
        "livemode": event.mode == Mode::Live,
        "pending_webhooks": 0,
        "request": {"id": event.request_id, "idempotency_key": event.idempotency_key},
        "type": event.kind,
    })
}
