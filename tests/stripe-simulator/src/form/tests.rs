//! Tests of the parser of parameters.

use super::*;

const KNOWN: &[&str] = &["a", "b[c]", "b[d][][e]", "b[d][][f]", "g[]"];

#[test]
fn accepts_nested_parameters_and_both_array_notations() {
    let form = Form::parse("a=1&b%5Bc%5D=2&b[d][0][e]=3&b[d][1][e]=4&g[]=5&g[]=6", KNOWN).unwrap();
    assert_eq!(form.get("b[d][1][e]"), Some("4"));
    assert_eq!((form.len("b[d]"), form.len("g"), form.has("b"), form.get("b[c]")), (2, 2, true, Some("2")));
    let form = Form::parse("b[d][][e]=1&b[d][][f]=2&b[d][][e]=3&b[d][][f]=4", KNOWN).unwrap();
    assert_eq!((form.get("b[d][0][f]"), form.get("b[d][1][e]"), form.len("b[d]")), (Some("2"), Some("3"), 2));
    // Like Rack: a new member belongs to the last element, not to the first.
    let form = Form::parse("b[d][][e]=1&b[d][][e]=2&b[d][][f]=3", KNOWN).unwrap();
    assert_eq!((form.get("b[d][0][f]"), form.get("b[d][1][f]")), (None, Some("3")));
}

#[test]
fn refuses_unknown_duplicate_and_malformed_parameters() {
    for bad in [
        "x=1",
        "b[x]=1",
        "a=1&a=2",
        "b[d][0][e]=1&b[d][0][e]=2",
        "b=1",
        "a[c]=1",
        "b[c=1",
        "b]c[=1",
        "[c]=1",
        "=1",
        "b[[c]]=1",
        "b[c]x=1",
        "b[d][0]=1",
        "b[d]=1",
        "b[d][e]=1",
        "b[]=1",
        "g=1",
        "g[0][x]=1",
        "b[d][1][e]=1",
        "b[d][00][e]=1",
        "b[d][0][e]=1&b[d][][f]=1",
        "b[d][0][0][e]=1",
        "a=%zz",
        "a=%1",
        "a=%ff",
        "a=%00",
    ] {
        assert_eq!(Form::parse(bad, KNOWN).unwrap_err().status, 400, "{bad}");
    }
    assert!(Form::parse(&format!("a={}", "x".repeat(5001)), KNOWN).is_err());
}

#[test]
fn free_keys_are_one_level_deep() {
    let known = &["m[*]"];
    let form = Form::parse("m[b]=1&m[0]=2&m[a%20c]=", known).unwrap();
    assert_eq!(form.entries("m").collect::<Vec<_>>(), [("0", "2"), ("a c", ""), ("b", "1")]);
    for bad in ["m[]=1", "m[a][b]=1", "m=1", "m[a]=1&m[a]=2"] {
        assert_eq!(Form::parse(bad, known).unwrap_err().status, 400, "{bad}");
    }
}
