//! A JSON object without duplicate members.
//!
//! Parsers differ in which of two duplicate members they keep; `serde_json` silently keeps the last one. The service and the issuer
//! could therefore disagree about who the person is. Names are compared after their escapes are resolved.

use std::fmt;

use serde::{
    Deserialize,
    de::{Deserializer, Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value};

/// A JSON object in which each name appears once.
pub(super) struct UniqueObject(pub(super) Map<String, Value>);

impl<'de> Deserialize<'de> for UniqueObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = UniqueObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<UniqueObject, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("duplicate member"));
                    }
                }
                Ok(UniqueObject(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_duplicate_members_however_they_are_escaped() {
        let parse = |text: &str| serde_json::from_str::<UniqueObject>(text).is_ok();
        assert!(parse(r#"{"tenant":"a","other":{"x":1}}"#));
        assert!(!parse(r#"{"tenant":"a","tenant":"a"}"#));
        assert!(!parse(r#"{"tenant":"a","\u0074enant":"b"}"#));
        assert!(!parse("[]") && !parse("null") && !parse(r#"{} {}"#));
    }
}
