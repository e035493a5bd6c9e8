//! JSON objects without duplicate members, at any depth.
//!
//! Parsers differ in which of two duplicate members they keep, so two readers of one text could disagree about who a person is or whose
//! customer was read; serde silently keeps the last one. Names are compared after their escapes are resolved.

pub mod ascii;

use std::fmt;

use serde::{
    Deserialize,
    de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// Parses a text that must be exactly one object without duplicate members.
///
/// # Errors
/// Not JSON, not an object, text after it, or a duplicate member at any depth.
pub fn parse_object(text: &[u8]) -> serde_json::Result<Map<String, Value>> {
    // Text that is known to be UTF-8 is not checked again, string by string.
    let parsed = std::str::from_utf8(text).map_or_else(|_| serde_json::from_slice(text), serde_json::from_str);
    match parsed? {
        UniqueValue(Value::Object(members)) => Ok(members),
        UniqueValue(_) => Err(serde_json::Error::custom("not an object")),
    }
}

/// A value in which no object has duplicate members.
struct UniqueValue(Value);

impl<'de> Deserialize<'de> for UniqueValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
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
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(UniqueValue(value)) = access.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, UniqueValue(value))) = access.next_entry::<String, UniqueValue>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate member"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_objects_as_serde_json_does() {
        let text = r#"{"a":[1,-2,3.5,null,true,{"b":"\u0041"}],"c":{}}"#;
        assert_eq!(Value::Object(parse_object(text.as_bytes()).unwrap()), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn refuses_duplicate_members_at_any_depth_however_they_are_escaped() {
        let parses = |text: &str| parse_object(text.as_bytes()).is_ok();
        assert!(parses(r#"{"tenant":"a","other":{"tenant":1}}"#));
        assert!(!parses(r#"{"tenant":"a","tenant":"a"}"#));
        assert!(!parses(r#"{"tenant":"a","\u0074enant":"b"}"#));
        assert!(!parses(r#"{"metadata":{"tenant_id":"a","tenant_id":"b"}}"#));
        assert!(!parses(r#"{"keys":[{"kid":"a","kid":"b"}]}"#));
        for text in ["[]", "null", "{} {}", "", "{", "\"x\""] {
            assert!(!parses(text), "{text}");
        }
    }
}
