//! JSON objects without duplicate members, at any depth.
//!
//! Parsers differ in which of two duplicate members they keep, so two readers of one text could disagree about who a person is or whose
//! customer was read; serde silently keeps the last one. Names are compared after their escapes are resolved.

pub mod ascii;

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// Parses a text that must be exactly one object without duplicate members.
///
/// # Errors
/// Not JSON, not an object, text after it, or a duplicate member at any depth.
pub fn parse_object(text: &[u8]) -> serde_json::Result<Map<String, Value>> {
    parse(text, Keep::Everything)
}

/// Accepts the same texts as [`parse_object`], but keeps only the members of the object that are named, which costs less.
///
/// # Errors
/// The same as [`parse_object`], also about members that are not kept.
pub fn parse_members(text: &[u8], names: &[&str]) -> serde_json::Result<Map<String, Value>> {
    parse(text, Keep::Members(names))
}

fn parse(text: &[u8], keep: Keep<'_>) -> serde_json::Result<Map<String, Value>> {
    // Text that is known to be UTF-8 is not checked again, string by string.
    let text = std::str::from_utf8(text).map_err(serde_json::Error::custom)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = keep.deserialize(&mut deserializer)?;
    deserializer.end()?;
    let Value::Object(members) = value else { return Err(serde_json::Error::custom("not an object")) };
    Ok(members)
}

/// What is kept of a value in which no object has duplicate members. What is not kept is parsed as well, because serde's
/// `IgnoredAny` accepts more: numbers out of range, lone surrogates, any depth.
#[derive(Clone, Copy)]
enum Keep<'a> {
    Everything,
    /// Members of an object.
    Members(&'a [&'a str]),
    /// The value is discarded.
    Nothing,
}

impl Keep<'_> {
    const fn is_everything(self) -> bool {
        matches!(self, Self::Everything)
    }

    fn of_member(self, name: &str) -> Self {
        match self {
            Self::Everything => Self::Everything,
            Self::Members(names) if names.contains(&name) => Self::Everything,
            Self::Members(_) | Self::Nothing => Self::Nothing,
        }
    }

    const fn of_element(self) -> Self {
        if self.is_everything() { Self::Everything } else { Self::Nothing }
    }
}

impl<'de> DeserializeSeed<'de> for Keep<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Keep<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(if self.is_everything() { Value::String(value.to_owned()) } else { Value::Null })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element_seed(self.of_element())? {
            if self.is_everything() {
                values.push(value);
            }
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let (mut members, mut discarded) = (Map::new(), Names::default());
        while let Some(Name(name)) = access.next_key()? {
            let keep = self.of_member(&name);
            let value = access.next_value_seed(keep)?;
            // Members with the same name are either all kept or all discarded.
            let is_unique = if keep.is_everything() {
                members.insert(name.into_owned(), value).is_none()
            } else {
                discarded.insert(name)
            };
            if !is_unique {
                return Err(A::Error::custom("duplicate member"));
            }
        }
        Ok(Value::Object(members))
    }
}

/// The name of a member, borrowed from the text if it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The names of the members that are discarded. Comparing with a few names costs less than hashing; the set is for an object with
/// so many members that comparing them all would take long.
#[derive(Default)]
struct Names<'a> {
    few: Vec<Cow<'a, str>>,
    more: HashSet<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    const FEW: usize = 32;

    /// Returns whether the name was not there yet.
    fn insert(&mut self, name: Cow<'a, str>) -> bool {
        if self.few.contains(&name) {
            return false;
        }
        if self.few.len() == Self::FEW {
            return self.more.insert(name);
        }
        self.few.push(name);
        true
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests;
