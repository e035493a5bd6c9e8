//! Flag files. The flag is on only if the file says so in every reading.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::*;
use crate::fuzz;

const KEY: &str = "billing-portal";

/// The input is a flag file.
#[test]
fn flag_file() {
    let operator = Operator::new();
    fuzz::run("flag_file", |input| {
        let Ok(definition) = parse(input, KEY) else {
            // Not JSON, so the last good definition is kept.
            let json = std::str::from_utf8(without_mark(input)).map(serde_json::from_str::<IgnoredAny>);
            return assert!(!json.is_ok_and(|json| json.is_ok()));
        };
        let is_on = |tenant: &str| {
            let context = EvaluationContext::default().with_targeting_key(tenant);
            resolve(&definition, &operator, KEY, &context).is_ok_and(|details| details.value)
        };
        let on = ["acme", "globex"].map(is_on);
        if !on.contains(&true) {
            return;
        }
        assert!(definition.could_be_on());
        let file: Value = serde_json::from_slice(without_mark(input)).unwrap();
        let flag = match file["flags"].as_array() {
            Some(flags) => flags.iter().find(|flag| flag["key"] == KEY).unwrap(),
            None => &file["flags"][KEY],
        };
        assert_eq!(flag["state"], "ENABLED");
        let variants = flag["variants"].as_object().unwrap();
        assert!(variants.values().all(Value::is_boolean) && variants.values().any(|on| *on == true));
        // Without a rule, the default decides for every tenant alike.
        if flag
            .get("targeting")
            .is_none_or(|rule| rule.is_null() || rule.as_object().is_some_and(|rule| rule.is_empty()))
        {
            assert_eq!((on, &variants[flag["defaultVariant"].as_str().unwrap()]), ([true; 2], &true.into()));
        }
    });
}

fn without_mark(input: &[u8]) -> &[u8] {
    input.strip_prefix("\u{feff}".as_bytes()).unwrap_or(input)
}
