//! The definition of one flag in a file in flagd's format.
//!
//! Format: <https://flagd.dev/schema/v0/flags.json>. Only the flag of this service is interpreted, so that a definition
//! elsewhere in the file can neither switch it on nor keep it on. What cannot be interpreted is off.

use std::{collections::HashMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

use crate::json;

/// The flag of this service, as a file defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// The flag is evaluated for each tenant.
    Enabled(Rules),
    /// The flag is off for every tenant.
    Off(OffReason),
}

/// What an enabled flag is evaluated with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    pub(super) variants: HashMap<String, bool>,
    /// The variant where targeting selects none. Without it, the default in the code counts: off.
    pub(super) default_variant: Option<String>,
    /// The targeting rule, as JSON, with every `$ref` resolved.
    pub(super) targeting: Option<String>,
}

/// Why a flag is off for every tenant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OffReason {
    /// The file does not define the flag.
    #[error("flag is not defined")]
    Missing,
    /// `"state": "DISABLED"`.
    #[error("flag is disabled")]
    Disabled,
    /// The definition of the flag is not valid.
    #[error("definition of the flag is not valid: {0}")]
    Invalid(String),
}

/// The file is not JSON, for example because it is still being written.
#[derive(Debug, thiserror::Error)]
#[error("not valid JSON: {0}")]
pub struct NotJson(String);

/// Parses a file and returns the definition of the flag `key`.
///
/// # Errors
/// Only if the file is not JSON at all. The last good definition is then kept.
pub fn parse(bytes: &[u8], key: &str) -> Result<Definition, NotJson> {
    let text = std::str::from_utf8(bytes).map_err(|error| NotJson(error.to_string()))?;
    // Parsers may ignore a byte order mark (RFC 8259, section 8.1), which some editors add.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| NotJson(error.to_string()))?;
    Ok(match find(text, key) {
        Ok(Some((definition, evaluators))) => interpret(definition, evaluators).unwrap_or_else(Definition::Off),
        Ok(None) => Definition::Off(OffReason::Missing),
        Err(reason) => Definition::Off(reason),
    })
}

impl Definition {
    /// Returns whether the flag can be on for at least one tenant.
    #[must_use]
    pub fn could_be_on(&self) -> bool {
        match self {
            Self::Enabled(rules) => {
                let default_on = rules.default_variant.as_ref().and_then(|name| rules.variants.get(name));
                default_on == Some(&true) || rules.targeting.is_some() && rules.variants.values().any(|on| *on)
            }
            Self::Off(_) => false,
        }
    }
}

fn invalid(cause: impl fmt::Display) -> OffReason {
    OffReason::Invalid(cause.to_string())
}

/// Returns the text of the flag's definition and of the shared `$evaluators`, if the file defines the flag.
fn find<'a>(text: &'a str, key: &str) -> Result<Option<(&'a RawValue, Members<'a>)>, OffReason> {
    // A file that is not an object defines nothing.
    let Ok(file) = serde_json::from_str::<Members<'a>>(text) else { return Ok(None) };
    let Some(flags) = file.only("flags")? else { return Ok(None) };
    let definition = if let Ok(flags) = serde_json::from_str::<Members<'a>>(flags.get()) {
        flags.only(key)?
    } else {
        let flags: Vec<&RawValue> = serde_json::from_str(flags.get()).unwrap_or_default();
        only(key, flags.into_iter().filter(|flag| has_key(flag, key)))?
    };
    let evaluators = file.only("$evaluators").ok().flatten();
    let evaluators = evaluators.and_then(|evaluators| serde_json::from_str(evaluators.get()).ok());
    Ok(definition.map(|definition| (definition, evaluators.unwrap_or_default())))
}

/// Returns whether an element of a `flags` array has this key.
fn has_key(flag: &RawValue, key: &str) -> bool {
    let members: Members<'_> = serde_json::from_str(flag.get()).unwrap_or_default();
    let is_key = |value: &RawValue| serde_json::from_str::<String>(value.get()).is_ok_and(|found| found == key);
    members.0.iter().any(|(name, value)| name == "key" && is_key(value))
}

fn interpret(definition: &RawValue, evaluators: Members<'_>) -> Result<Definition, OffReason> {
    let mut definition = json::parse_object(definition.get().as_bytes()).map_err(invalid)?;
    match definition.get("state").and_then(Value::as_str) {
        Some("ENABLED") => {}
        Some("DISABLED") => return Err(OffReason::Disabled),
        Some(_) | None => return Err(invalid("state is not ENABLED or DISABLED")),
    }
    let variants = variants(&definition)?;
    let default_variant = match definition.get("defaultVariant") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) if variants.contains_key(name) => Some(name.clone()),
        Some(_) => return Err(invalid("defaultVariant is not the name of a variant")),
    };
    let targeting = match definition.remove("targeting") {
        None | Some(Value::Null) => None,
        Some(Value::Object(rule)) if rule.is_empty() => None,
        Some(rule @ Value::Object(_)) => Some(Resolver { evaluators, values: 0 }.resolve(rule, 0)?.to_string()),
        // Ignoring it would use the default for tenants that it excludes.
        Some(_) => return Err(invalid("targeting is not an object")),
    };
    Ok(Definition::Enabled(Rules { variants, default_variant, targeting }))
}

fn variants(definition: &Map<String, Value>) -> Result<HashMap<String, bool>, OffReason> {
    let variants =
        definition.get("variants").and_then(Value::as_object).ok_or_else(|| invalid("it has no variants"))?;
    let boolean = |(name, value): (&String, &Value)| Some((name.clone(), value.as_bool()?));
    variants.iter().map(boolean).collect::<Option<_>>().ok_or_else(|| invalid("a variant is not a boolean"))
}

/// The deepest targeting rule that serde_json reads back for the evaluation.
const MAX_DEPTH: usize = 126;

/// The maximum number of values in a targeting rule. Evaluators that use each other several times multiply; a file
/// without `$ref` cannot contain as many.
const MAX_VALUES: usize = 1_000_000;

/// Replaces each `{"$ref": NAME}` in a targeting rule with the evaluator of that name.
struct Resolver<'a> {
    evaluators: Members<'a>,
    values: usize,
}

impl Resolver<'_> {
    /// `depth` counts the values that contain the rule, so a circular reference is too deep.
    fn resolve(&mut self, rule: Value, depth: usize) -> Result<Value, OffReason> {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            return Err(invalid("targeting is too large, too deep, or has a circular $ref"));
        }
        match rule {
            Value::Array(rules) => rules.into_iter().map(|rule| self.resolve(rule, depth + 1)).collect(),
            Value::Object(rule) => match rule.get("$ref") {
                None => {
                    let members = rule.into_iter();
                    members.map(|(name, rule)| Ok((name, self.resolve(rule, depth + 1)?))).collect()
                }
                Some(Value::String(name)) if rule.len() == 1 => {
                    let unknown = || invalid(format!("targeting refers to an unknown evaluator {name:?}"));
                    let evaluator = self.evaluators.only(name)?.ok_or_else(unknown)?;
                    let evaluator = json::parse_object(evaluator.get().as_bytes()).map_err(invalid)?;
                    self.resolve(Value::Object(evaluator), depth + 1)
                }
                Some(_) => Err(invalid("targeting has a $ref that is not a name alone")),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(rule),
        }
    }
}

/// The members of a JSON object, including duplicate ones, with the text of their values.
#[derive(Default)]
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Returns the value of the member `name`, or an error if there are several.
    fn only(&self, name: &str) -> Result<Option<&'a RawValue>, OffReason> {
        only(name, self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| *value))
    }
}

fn only<T>(name: &str, mut found: impl Iterator<Item = T>) -> Result<Option<T>, OffReason> {
    match (found.next(), found.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(invalid(format!("{name:?} is defined more than once"))),
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = access.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests;
