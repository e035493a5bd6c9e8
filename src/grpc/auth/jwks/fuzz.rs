//! Key sets: what a set that is accepted does not contain, and that nobody can sign for a usable key without its private part.

use serde_json::json;

use super::*;
use crate::fuzz;

/// The input is a key set.
#[test]
fn key_set() {
    fuzz::run("key_set", |input| {
        let Ok(set) = parse(input) else { return };
        let mut value: Value = serde_json::from_slice(input).unwrap();
        let keys = value["keys"].as_array().unwrap();
        assert!((1..=keys.len()).contains(&set.count()));
        assert_eq!(set.skipped.is_empty(), set.count() == keys.len());
        for kid in set.usable.keys() {
            assert_eq!(keys.iter().filter(|key| key.get("kid").is_some_and(|other| other == kid)).count(), 1, "{kid}");
        }
        assert!(!names(&value).iter().any(|name| SECRET_MEMBERS.contains(&name.as_str())));
        set.usable.values().for_each(assert_cannot_be_forged);
        // The spelling of the JSON does not matter, and one secret does.
        let again = parse(value.to_string().as_bytes()).unwrap();
        assert_eq!((again.count(), again.skipped.to_string()), (set.count(), set.skipped.to_string()));
        value["keys"][0]["d"] = json!("");
        assert!(matches!(parse(value.to_string().as_bytes()), Err(KeySetError::SecretKey(0) | KeySetError::TooLarge)));
    });
}

/// Returns the names of the members of all objects in a value.
fn names(value: &Value) -> Vec<String> {
    let (mut values, mut names) = (vec![value], Vec::new());
    while let Some(value) = values.pop() {
        match value {
            Value::Object(members) => {
                names.extend(members.keys().cloned());
                values.extend(members.values());
            }
            Value::Array(elements) => values.extend(elements),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    names
}

/// For a key of small order, the identity and zero are a signature of one message in eight or more.
fn assert_cannot_be_forged(key: &Key) {
    let signature = |identity: &[u8]| [identity, &[0; 64]].concat()[..64].to_vec();
    for message in 0..16_u8 {
        for forged in [signature(&[1]), signature(&[0]), vec![0; 256], vec![1; 64]] {
            assert!(key.verifier.verify_sig(&[message], &forged).is_err(), "{forged:?} is a signature");
        }
    }
}
