//! Pagination of lists: <https://docs.stripe.com/api/pagination>.

use serde_json::{Value, json};

use crate::{
    error::Error,
    form::Form,
    model::Mode,
    state::{State, other_mode_with},
};

const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 100;

/// The requested part of a list.
pub(crate) struct Page<'a> {
    limit: usize,
    cursor: Option<Cursor<'a>>,
}

enum Cursor<'a> {
    After(&'a str),
    Before(&'a str),
}

impl<'a> Page<'a> {
    pub(crate) fn of(form: &'a Form) -> Result<Self, Error> {
        let cursor = match (form.optional("starting_after")?, form.optional("ending_before")?) {
            (None, None) => None,
            (Some(id), None) => Some(Cursor::After(id)),
            (None, Some(id)) => Some(Cursor::Before(id)),
            (Some(_), Some(_)) => {
                let message = "You may only specify one of these parameters: ending_before, starting_after.";
                return Err(Error::invalid(400, message).code("parameters_exclusive").param("ending_before"));
            }
        };
        Ok(Self { limit: form.optional("limit")?.map_or(Ok(DEFAULT_LIMIT), limit)?, cursor })
    }

    /// Returns the page of a sorted list of objects with their IDs.
    pub(crate) fn select(&self, url: &str, kind: &str, objects: Vec<(&str, Value)>) -> Result<Value, Error> {
        let position = |id: &str, param: &str| {
            let found = objects.iter().position(|(other, _)| *other == id);
            found.ok_or_else(|| Error::missing(400, kind, id, param, None))
        };
        let (first, last) = match self.cursor {
            None => (0, objects.len().min(self.limit)),
            Some(Cursor::After(id)) => {
                let first = position(id, "starting_after")? + 1;
                (first, objects.len().min(first + self.limit))
            }
            Some(Cursor::Before(id)) => {
                let last = position(id, "ending_before")?;
                (last.saturating_sub(self.limit), last)
            }
        };
        // `has_more` refers to the direction of the request.
        let has_more = if matches!(self.cursor, Some(Cursor::Before(_))) { first > 0 } else { last < objects.len() };
        let data: Vec<Value> = objects.into_iter().take(last).skip(first).map(|(_, object)| object).collect();
        Ok(json!({"object": "list", "data": data, "has_more": has_more, "url": url}))
    }
}

/// Returns the customer that a list is limited to. Objects of a deleted customer are still listed.
pub(crate) fn customer<'a>(state: &State, mode: Mode, form: &'a Form) -> Result<Option<&'a str>, Error> {
    let Some(id) = form.optional("customer")? else { return Ok(None) };
    if state.customers.contains_key(&(mode, id.to_owned())) {
        return Ok(Some(id));
    }
    Err(Error::missing(400, "customer", id, "customer", other_mode_with(&state.customers, mode, id)))
}

/// Returns the `metadata` of an object.
pub(crate) fn metadata(entries: &[(String, String)]) -> Value {
    entries.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect()
}

pub(crate) fn add_nulls(object: &mut Value, members: &[&str]) {
    if let Some(object) = object.as_object_mut() {
        object.extend(members.iter().map(|member| ((*member).to_owned(), Value::Null)));
    }
}

fn limit(text: &str) -> Result<usize, Error> {
    let out_of_range = |bound| Error::invalid(400, format!("This value must be {bound}.")).param("limit");
    match crate::form::integer(text, "limit")? {
        0 => Err(out_of_range("greater than or equal to 1".to_owned())),
        limit => usize::try_from(limit)
            .ok()
            .filter(|limit| *limit <= MAX_LIMIT)
            .ok_or_else(|| out_of_range(format!("less than or equal to {MAX_LIMIT} (it currently is '{limit}')"))),
    }
}
