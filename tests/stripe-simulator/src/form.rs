//! Parameters as Stripe accepts them: form-encoded and nested with brackets, without unknown or duplicate parameters.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;

/// Stripe's limit for a string, in characters.
const MAX_LENGTH: usize = 5000;

/// Parameters by full name, with explicit array indices: `flow_data[items][0][id]`.
#[derive(Debug, Default)]
pub(crate) struct Form {
    parameters: BTreeMap<String, String>,
    arrays: BTreeMap<String, Array>,
}

/// The notation of an array. One array cannot mix both notations.
#[derive(Debug)]
enum Array {
    /// With an index: `items[0][id]`.
    Numbered,
    /// Without an index: `items[][id]`. Holds the number of elements so far.
    Pushed(usize),
}

impl Form {
    /// Parses an encoded query or body. `known` holds the full names of parameters, with `[]` for any index.
    pub(crate) fn parse(encoded: &str, known: &[&str]) -> Result<Self, Error> {
        check_escapes(encoded)?;
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(encoded.as_bytes()) {
            check_brackets(&name)?;
            check_value(&name, &value)?;
            let name = if has_free_key(&name, known) {
                name.into_owned()
            } else {
                check_known(&name, known)?;
                form.with_index(&name)?
            };
            if form.parameters.contains_key(&name) {
                let message = format!("Invalid request: {name} was given more than once");
                return Err(Error::invalid(400, message).param(&name));
            }
            form.parameters.insert(name, value.into_owned());
        }
        form.check_indices()?;
        Ok(form)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Returns an optional parameter, which must not be empty.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<&str>, Error> {
        match self.get(name) {
            Some("") => Err(Error::parameter_empty(name)),
            value => Ok(value),
        }
    }

    /// Returns a required parameter, which must not be empty.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Error> {
        self.optional(name)?.ok_or_else(|| Error::parameter_missing(name))
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Error> {
        let parse = |text: &str| text.parse().map_err(|_| Error::not_a(&format!("boolean: {text}"), name));
        self.optional(name)?.map(parse).transpose()
    }

    /// Returns whether a parameter with this name, or nested in it, is present.
    pub(crate) fn has(&self, name: &str) -> bool {
        let nested = format!("{name}[");
        self.parameters.keys().any(|key| key == name || key.starts_with(&nested))
    }

    /// Returns the entries of a parameter with free keys, such as `metadata[key]`.
    pub(crate) fn entries(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().filter_map(move |(full, value)| {
            let key = full.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
            Some((key, value.as_str()))
        })
    }

    /// Returns the number of elements of an array.
    pub(crate) fn len(&self, name: &str) -> usize {
        (0..).take_while(|index| self.has(&format!("{name}[{index}]"))).count()
    }

    /// Resolves `[]` like Rack, which Stripe's libraries target: a member belongs to the last element, unless that element
    /// already has the member.
    fn with_index(&mut self, name: &str) -> Result<String, Error> {
        let Some((base, index, rest)) = array_part(name) else { return Ok(name.to_owned()) };
        let new = if index.is_empty() { Array::Pushed(0) } else { Array::Numbered };
        let array = self.arrays.entry(base.to_owned()).or_insert(new);
        match array {
            Array::Numbered if !index.is_empty() => Ok(name.to_owned()),
            Array::Pushed(count) if index.is_empty() => {
                let last = count.checked_sub(1).map(|last| format!("{base}[{last}]{rest}"));
                if let Some(name) = last.filter(|name| !rest.is_empty() && !self.parameters.contains_key(name)) {
                    return Ok(name);
                }
                *count += 1;
                Ok(format!("{base}[{}]{rest}", *count - 1))
            }
            Array::Numbered | Array::Pushed(_) => Err(Error::not_a("array", base)),
        }
    }

    /// Checks that indices start at 0, have no gaps and are in canonical form (not `00`).
    fn check_indices(&self) -> Result<(), Error> {
        for base in self.arrays.keys() {
            let within = |name: &String| {
                let (_, index, _) = array_part(name).filter(|(other, ..)| other == base)?;
                Some(index.to_owned())
            };
            let indices: BTreeSet<String> = self.parameters.keys().filter_map(within).collect();
            if indices.len() != self.len(base) {
                return Err(Error::not_a("array", base));
            }
        }
        Ok(())
    }
}

pub(crate) fn integer(text: &str, param: &str) -> Result<u64, Error> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        Error::invalid(400, format!("Invalid integer: {text}")).code("parameter_invalid_integer").param(param)
    })
}

/// Checks that each `%` is followed by two hexadecimal digits.
fn check_escapes(encoded: &str) -> Result<(), Error> {
    let is_escape = |part: &str| part.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if encoded.split('%').skip(1).all(is_escape) {
        return Ok(());
    }
    Err(Error::invalid(400, "Invalid request: invalid %-encoding"))
}

/// Checks the encoding and the length. The decoder replaces invalid UTF-8 with U+FFFD.
fn check_value(name: &str, value: &str) -> Result<(), Error> {
    let is_valid = |text: &str| !text.contains(['\u{fffd}', '\0']);
    if !is_valid(name) || !is_valid(value) {
        return Err(Error::invalid(400, "Invalid request: parameters must be valid UTF-8"));
    }
    if value.chars().count() > MAX_LENGTH {
        let message = format!("Invalid string: {name} must be at most {MAX_LENGTH} characters");
        return Err(Error::invalid(400, message).param(name));
    }
    Ok(())
}

/// Checks that brackets are balanced, not nested, and at the end of the name.
fn check_brackets(name: &str) -> Result<(), Error> {
    let (head, mut rest) = name.split_at(name.find('[').unwrap_or(name.len()));
    let mut valid = !head.is_empty() && !head.contains(']');
    while valid && !rest.is_empty() {
        match rest.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
            Some((inside, after)) if !inside.contains('[') => rest = after,
            _ => valid = false,
        }
    }
    if valid {
        Ok(())
    } else {
        Err(Error::invalid(400, format!("Invalid request: malformed parameter {name}")).param(name))
    }
}

/// Splits a parameter into the name of its array, the index as written, and the rest.
fn array_part(name: &str) -> Option<(&str, &str, &str)> {
    name.match_indices('[').find_map(|(at, _)| {
        let (base, brackets) = name.split_at(at);
        let (index, rest) = brackets.strip_prefix('[')?.split_once(']')?;
        index.bytes().all(|byte| byte.is_ascii_digit()).then_some((base, index, rest))
    })
}

/// Returns whether a parameter is one with free keys, such as `metadata[key]`.
fn has_free_key(name: &str, known: &[&str]) -> bool {
    known.iter().filter_map(|known| known.strip_suffix("[*]")).any(|object| {
        let key = name.strip_prefix(object).and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']'));
        key.is_some_and(|key| !key.is_empty() && !key.contains('['))
    })
}

fn check_known(name: &str, known: &[&str]) -> Result<(), Error> {
    let shape = array_part(name).map_or_else(|| name.to_owned(), |(base, _, rest)| format!("{base}[]{rest}"));
    if known.contains(&shape.as_str()) {
        return Ok(());
    }
    let has_known = |prefix: &str, next: &str| {
        known.iter().any(|known| known.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(next)))
    };
    if has_known(&shape, "[]") {
        return Err(Error::not_a("array", name));
    }
    if has_known(&shape, "[") {
        return Err(Error::not_a("object", name));
    }
    if known.iter().any(|known| shape.strip_prefix(known).is_some_and(|rest| rest.starts_with('['))) {
        return Err(Error::not_a("string", name));
    }
    if let Some((parent, _)) = shape.rsplit_once('[').filter(|(parent, _)| has_known(parent, "[]")) {
        return Err(Error::not_a("array", parent));
    }
    Err(Error::parameter_unknown(name))
}

#[cfg(test)]
mod tests;
