use serde_json::json;

use super::*;

#[test]
fn depth_and_number_of_values_are_limited_exactly() {
    let evaluator = RawValue::from_string(r#"{"!":1}"#.to_owned()).unwrap();
    let is_ok = |values, depth, rule| {
        let evaluators = Members(vec![("e".to_owned(), &*evaluator)]);
        Resolver { evaluators, values }.resolve(rule, depth).is_ok()
    };
    // A rule, the levels below it, and the number of its values.
    for (rule, levels, values) in [
        (json!(1), 0, 1),
        (json!([1, 2]), 1, 3),
        (json!({"!": 1}), 1, 2),
        (json!({"!": [{"!": 1}]}), 3, 4),
        (json!({"$ref": "e"}), 2, 3),
        (json!([{"$ref": "e"}, {"$ref": "e"}]), 3, 7),
    ] {
        assert!(is_ok(0, MAX_DEPTH - levels, rule.clone()), "{rule}");
        assert!(!is_ok(0, MAX_DEPTH - levels + 1, rule.clone()), "{rule}");
        assert!(is_ok(MAX_VALUES - values, 0, rule.clone()), "{rule}");
        assert!(!is_ok(MAX_VALUES - values + 1, 0, rule.clone()), "{rule}");
    }
}
