//! JSON: what is accepted has no duplicate members in any reading, and what is written is visible ASCII.

use super::*;
use crate::fuzz;

/// The input is a JSON text.
#[test]
fn json() {
    fuzz::run("json", |input| {
        let names = ["id", "metadata", ""];
        let members = parse_members(input, &names);
        let Ok(object) = parse_object(input) else { return assert!(members.is_err()) };
        let kept: Map<_, _> = object
            .iter()
            .filter(|(name, _)| names.contains(&&***name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let members = members.unwrap();
        assert!(names.iter().all(|name| members.get(*name) == kept.get(*name)));
        // Outside strings, JSON has one colon for each member.
        let value = Value::Object(object);
        assert_eq!(colons(fuzz::text(input)), colons(&value.to_string()));
        // serde_json reads these names in its own way.
        if !fuzz::text(input).contains("$serde_json::private") {
            assert_eq!(serde_json::from_slice::<Value>(input).unwrap(), value);
        }
    });
}

fn colons(text: &str) -> usize {
    let (mut is_string, mut is_escaped, mut colons) = (false, false, 0);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_string = !is_string,
            b':' if !is_string => colons += 1,
            _ => {}
        }
    }
    colons
}

/// The input is a text in an audit entry.
#[test]
fn audit_line() {
    fuzz::run("audit_line", |input| {
        let text = String::from_utf8_lossy(input);
        let entry = Map::from_iter([(text.to_string(), Value::from(&*text))]);
        let line = ascii::line(&entry).unwrap();
        let (end, json) = line.split_last().unwrap();
        assert_eq!(*end, b'\n');
        // The program that reads the log splits it at line breaks and shows it in a terminal.
        assert!(json.iter().all(|byte| (b' '..=b'~').contains(byte)));
        assert_eq!(serde_json::from_slice::<Map<String, Value>>(json).unwrap(), entry);
        assert_eq!(ascii::escape(&serde_json::to_string(&entry).unwrap()).as_bytes(), json);
    });
}
