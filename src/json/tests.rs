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

/// The members that [`parse_members`] keeps in these tests. In most texts, some of them are missing.
const KEPT: [&str; 3] = ["id", "kept", "m\u{e9}t\u{e0}"];

/// Parses a text in both ways, and returns whether they accept it.
fn parses_alike(text: &[u8]) -> bool {
    let shown = String::from_utf8_lossy(text.get(..200).unwrap_or(text));
    match (parse_object(text), parse_members(text, &KEPT)) {
        (Ok(mut object), Ok(members)) => {
            object.retain(|name, _| KEPT.contains(&name.as_str()));
            assert_eq!(members, object, "{shown}");
            true
        }
        (Err(object), Err(members)) => {
            assert_eq!(members.to_string(), object.to_string(), "{shown}");
            false
        }
        (object, members) => panic!("{object:?} but {members:?}: {shown}"),
    }
}

/// Returns texts with this value at each kind of place: kept or not, and with what is around it.
fn with_value(value: &[u8]) -> Vec<Vec<u8>> {
    let around = [
        ("", ""),
        (r#"{"id":"#, "}"),
        (r#"{"other":"#, "}"),
        (r#"{"id":"x","other":"#, r#","kept":false}"#),
        (r#"{"kept":{"id":["#, "]}}"),
        (r#"{"other":{"id":["#, r#"]},"kept":2}"#),
        (r#"{"other":[[],{"id":"#, r#"}],"m\u00e9t\u00e0":[]}"#),
    ];
    around.map(|(before, after)| [before.as_bytes(), value, after.as_bytes()].concat()).to_vec()
}

/// Returns an array or object of this depth.
fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("{}0{}", open.repeat(depth), close.repeat(depth))
}

/// Returns an object whose members have these numbers in their names.
fn numbered(numbers: impl Iterator<Item = u32>) -> String {
    let members: Vec<_> = numbers.map(|number| format!(r#""member{number}":{number}"#)).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn discarded_members_are_parsed_as_kept_ones() {
    let valid = [
        "null",
        "true",
        " false\n",
        "0",
        "-0",
        "-1",
        "1.5e3",
        "1e308",
        "1e-999",
        "18446744073709551615",
        "18446744073709551616",
        r#""""#,
        r#""text""#,
        r#""\u00e9\n\"\\\/\ud83d\ude00""#,
        "\"\u{e9}\u{202e}\u{7f}\"",
        "[]",
        "{}",
        r#"[1,"a",[null],{"a":1}]"#,
        r#"{"a":{"a":{"a":[]}},"b":[{"a":1},{"a":2}]}"#,
        r#"{"":0," ":1,"\u0000":2,"A":3,"a":4}"#,
        r#"{"id":{"id":1},"kept":{"other":{}}}"#,
    ];
    let invalid = [
        // Duplicate members.
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"\u0061":3}"#,
        r#"{"\u0061":1,"a":2}"#,
        r#"{"id":1,"i\u0064":2}"#,
        r#"{"i\u0064":1,"id":1}"#,
        r#"{"kept":null,"x":0,"kept":null}"#,
        r#"{"":1,"":2}"#,
        r#"[0,{"a":{"b":1,"c":[],"b":2}}]"#,
        r#"{"a":[{"b":[{"c":1,"c":2}]}]}"#,
        "{\"\u{e9}\":1,\"\\u00e9\":2}",
        r#"{"a":"\ud800","a":1}"#,
        r#"{"\ud83d\ude00":1,"😀":2}"#,
        // Numbers, literals and strings that are not JSON.
        "1e999",
        "-1e999",
        "[1E400]",
        "01",
        "+1",
        ".5",
        "1.",
        "1e",
        "-",
        "0x1",
        "NaN",
        "Infinity",
        "nul",
        "True",
        "'a'",
        "a",
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#""\ud800\u0041""#,
        r#""\u12""#,
        r#""\q""#,
        "\"\n\"",
        "\"\0\"",
        r#""open"#,
        r#"{"\ud800":1}"#,
        // Arrays and objects that are not JSON.
        "[1,]",
        "[,1]",
        "[1 2]",
        "[",
        "]",
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a" 1}"#,
        r#"{a:1}"#,
        "{1:1}",
        r#"{null:1}"#,
        "{",
        "}",
        r#"{"a":1"#,
        "[}",
        "{]",
        "/**/1",
        "1//",
        "\u{feff}1",
        "\u{a0}1",
    ];
    for value in valid {
        let accepted = with_value(value.as_bytes()).into_iter().filter(|text| parses_alike(text)).count();
        // The first text is the value alone.
        assert_eq!(accepted, 6 + usize::from(value.starts_with('{')), "{value}");
    }
    for value in invalid {
        assert!(!with_value(value.as_bytes()).iter().any(|text| parses_alike(text)), "{value}");
    }
    for bytes in [&b"\"\xff\""[..], b"\"\xc3\"", b"\"\xed\xa0\x80\"", b"\xff", b"{\"\xff\":1}", b"\xef\xbb\xbf1", b"\0"]
    {
        assert!(!with_value(bytes).iter().any(|text| parses_alike(text)), "{bytes:?}");
    }
}

#[test]
fn text_must_be_one_object_whatever_is_kept() {
    assert!(parses_alike(b"{}") && parses_alike(b"\t\r\n {\"id\" : 1 } \n"));
    for around in
        ["{}{}", "{},", "{}x", "{}\0", "x{}", "\u{feff}{}", "[{}]", "[]", "{}\u{a0}", "\"{}\"", "0", "{}]", ""]
    {
        assert!(!parses_alike(around.as_bytes()), "{around:?}");
    }
}

#[test]
fn depth_is_limited_whatever_is_kept() {
    for (open, close) in
        [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":"#, "}]"), (r#"{"kept":"#, "}"), (r#"{"id":[0,"#, "]}")]
    {
        let accepted: Vec<_> = [1, 40, 60, 63, 64, 120, 127, 128, 129, 10_000]
            .map(|depth| {
                with_value(nested(open, close, depth).as_bytes()).iter().filter(|text| parses_alike(text)).count()
            })
            .to_vec();
        assert!(accepted.first() > Some(&0) && accepted.last() == Some(&0), "{open}: {accepted:?}");
    }
}

#[test]
fn duplicates_are_found_among_any_number_of_members() {
    for count in [2, 31, 32, 33, 34, 100, 10_000] {
        for text in with_value(numbered(0..count).as_bytes()) {
            assert!(parses_alike(&text), "{count}");
        }
        for duplicate in [0, count / 2, count - 1] {
            for text in with_value(numbered((0..count).chain([duplicate])).as_bytes()) {
                assert!(!parses_alike(&text), "{count}, {duplicate}");
            }
        }
    }
}
