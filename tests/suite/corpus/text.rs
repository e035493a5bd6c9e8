//! The placeholders in the strings of a case: `{now}`, `{now+300}`, `{now-6}`, `{x*256}` and `{null}`, and bytes in hexadecimal.

use serde_json::Value;

use crate::support::issuer::now;

/// Replaces the placeholders in every string of a value. A string that is only `{now…}` becomes a number, and `{null}` becomes
/// null, which TOML does not have.
pub(super) fn expand(value: Value) -> Value {
    match value {
        Value::String(text) => expand_text(&text),
        Value::Array(items) => items.into_iter().map(expand).collect(),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (expand_names(&name), expand(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

fn expand_text(text: &str) -> Value {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    match inner {
        Some("null") => Value::Null,
        Some(inner) => time(inner).map_or_else(|| expand_names(text).into(), Value::from),
        None => expand_names(text).into(),
    }
}

fn expand_names(text: &str) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        expanded += before;
        let placeholder = after.split_once('}');
        match placeholder.and_then(|(inner, behind)| Some((replacement(inner)?, behind))) {
            Some((text, behind)) => (expanded, rest) = (expanded + &text, behind),
            None => (expanded, rest) = (expanded + "{", after),
        }
    }
    expanded + rest
}

fn replacement(inner: &str) -> Option<String> {
    time(inner).map(|time| time.to_string()).or_else(|| {
        let (text, count) = inner.rsplit_once('*')?;
        Some(text.repeat(count.parse().ok()?))
    })
}

fn time(inner: &str) -> Option<u64> {
    let offset = inner.strip_prefix("now")?;
    let seconds: i64 = if offset.is_empty() { 0 } else { offset.parse().ok()? };
    now().checked_add_signed(seconds)
}

/// Returns the bytes of a text: those after `hex:`, in which spaces do not count, or those of the text itself.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    match text.strip_prefix("hex:") {
        Some(digits) => hex::decode(digits.replace(' ', "")).unwrap(),
        None => text.as_bytes().to_vec(),
    }
}

#[test]
fn placeholders_are_replaced_and_other_braces_are_not() {
    assert_eq!(expand("{ab*3}{}{\"a\":{x}".into()), Value::from("ababab{}{\"a\":{x}"));
    assert_eq!(expand("{null}".into()), Value::Null);
    assert!(expand("{now+300}".into()).as_u64().unwrap() >= now() + 299);
    assert!(expand("at {now-6}.5".into()).as_str().unwrap().starts_with("at 1"));
    assert_eq!((bytes("hex:00 fF"), bytes("ab")), (vec![0, 255], vec![97, 98]));
}
