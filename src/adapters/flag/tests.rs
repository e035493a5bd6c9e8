use super::*;

const KEY: &str = "billing-portal";

fn parsed(text: &str) -> Definition {
    parse(text.as_bytes(), KEY).unwrap_or_else(|error| panic!("{error}: {text}"))
}

async fn is_on(text: &str, tenant: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flags.json");
    std::fs::write(&path, text).unwrap();
    let file = Arc::new(ReloadingFile::open_document("--flags-file", path, |bytes| parse(bytes, KEY)).await);
    let flag = FileFlag::new(file, KEY.to_owned()).await;
    flag.is_on(&TenantId::parse(tenant).unwrap()).await
}

/// A file with these members in the flag, after a valid state and valid variants.
fn with_members(members: &str) -> String {
    format!(
        r#"{{"flags":{{"billing-portal":{{"state":"ENABLED","variants":{{"on":true,"off":false}}{members}}}}},
        "$evaluators":{{"is_acme":{{"==":[{{"var":"targetingKey"}},"acme"]}},
            "nested":{{"or":[{{"$ref":"is_acme"}},false]}},"circular":{{"!":[{{"$ref":"circular"}}]}},
            "twice":{{"!":[1],"!":[0]}},"same":{{"!":[1]}},"same":{{"!":[0]}}}}}}"#
    )
}

fn definition(state: &str, default: &str, targeting: &str) -> String {
    format!(
        r#"{{"flags":{{"billing-portal":{{"state":"{state}","variants":{{"on":true,"off":false}},
            "defaultVariant":{default},"targeting":{targeting}}}}}}}"#
    )
}

const ON: &str = r#""state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on""#;
const OFF: &str = r#""state":"DISABLED","variants":{"on":true,"off":false},"defaultVariant":"on""#;

#[tokio::test]
async fn is_on_only_if_enabled_and_variant_is_true() {
    assert!(is_on(&definition("ENABLED", r#""on""#, "null"), "acme").await);
    assert!(is_on(&definition("ENABLED", r#""on""#, "{}"), "acme").await);
    for off in [
        definition("DISABLED", r#""on""#, "null"),
        definition("ENABLED", r#""off""#, "null"),
        definition("ENABLED", "null", "null"),
        definition("ENABLED", r#""on""#, r#"{"no_such_operator":[1]}"#),
        definition("ENABLED", r#""on""#, r#"{"if":[{"==":[1,1],"<":[1,2]},"on"]}"#),
        definition("ENABLED", r#""on""#, r#"{"if":[true,"no such variant"]}"#),
        r#"{"flags":{}}"#.to_owned(),
        "garbage".to_owned(),
        String::new(),
    ] {
        assert!(!is_on(&off, "acme").await, "{off}");
    }
}

#[tokio::test]
async fn targets_tenants_with_flagd_operators() {
    for rule in [
        r#"{"if":[{"==":[{"var":"targetingKey"},"acme"]},"on","off"]}"#,
        r#"{"if":[{"in":[{"var":"targetingKey"},["acme","initech"]]},"on","off"]}"#,
        r#"{"if":[{"starts_with":[{"var":"targetingKey"},"ac"]},"on"]}"#,
        r#"{"if":[{"starts_with":[{"var":"targetingKey"},"ac"]},"on",null]}"#,
    ] {
        for default in [r#""off""#, "null"] {
            assert!(is_on(&definition("ENABLED", default, rule), "acme").await, "{rule}");
            assert!(!is_on(&definition("ENABLED", default, rule), "globex").await, "{rule}");
        }
    }
    let everyone = r#"{"fractional":[{"var":"targetingKey"},["on",100],["off",0]]}"#;
    assert!(is_on(&definition("ENABLED", r#""off""#, everyone), "acme").await);
}

#[tokio::test]
async fn targeting_may_refer_to_shared_evaluators() {
    for evaluator in ["is_acme", "nested"] {
        let file = with_members(&format!(r#","targeting":{{"if":[{{"$ref":"{evaluator}"}},"on"]}}"#));
        assert!(is_on(&file, "acme").await && !is_on(&file, "globex").await, "{evaluator}");
    }
}

#[test]
fn every_form_of_the_published_schema_is_accepted() {
    for file in [
        with_members(""),
        with_members(r#","defaultVariant":null"#),
        with_members(r#","defaultVariant":"on","targeting":{},"metadata":{"version":1,"critical":true,"owner":"x"}"#),
        format!(
            r#"{{"$schema":"https://flagd.dev/schema/v0/flags.json","metadata":{{}},"flags":{{"billing-portal":{{{ON}}}}}}}"#
        ),
        format!(r#"{{"flags":[{{"key":"other"}},{{"key":"billing-portal",{ON}}}]}}"#),
        format!("\u{feff}{{\"flags\":{{\"billing\\u002dportal\":{{{ON}}}}}}}"),
    ] {
        assert!(matches!(parsed(&file), Definition::Enabled(_)), "{file}: {:?}", parsed(&file));
    }
}

#[test]
fn definition_elsewhere_in_the_file_does_not_matter() {
    let deep = "[".repeat(200) + &"]".repeat(200);
    for other in [
        r#"{"state":"ENABLED","variants":{"a":"b"},"defaultVariant":null}"#,
        r#"{"state":"ENABLED","state":"DISABLED"}"#,
        r#"{"state":1e999,"variants":"\ud800"}"#,
        "null",
        "[1]",
        &deep,
    ] {
        for (own, expected) in [(ON, true), (OFF, false)] {
            let array = format!(r#"{{"flags":[7,{other},{{"key":"billing-portal",{own}}},{{"key":7}}]}}"#);
            let object = format!(
                r#"{{"$evaluators":{other},"$evaluators":{other},"metadata":{other},
                "flags":{{"a":{other},"a":{other},"billing-portal":{{{own}}},"z":{other}}}}}"#
            );
            for file in [array, object] {
                assert_eq!(parsed(&file).could_be_on(), expected, "{file}");
            }
        }
    }
}

#[test]
fn flag_that_is_missing_disabled_or_invalid_is_off() {
    for missing in
        ["{}", "[]", "null", "7", r#"{"flags":null}"#, r#"{"flags":{"Billing-Portal":{}}}"#, r#"{"flags":[]}"#]
    {
        assert_eq!(parsed(missing), Definition::Off(OffReason::Missing), "{missing}");
    }
    assert_eq!(parsed(r#"{"flags":{"billing-portal":{"state":"DISABLED"}}}"#), Definition::Off(OffReason::Disabled));
    for invalid in [
        r#"{"flags":{"billing-portal":null}}"#.to_owned(),
        r#"{"flags":{"billing-portal":{}}}"#.to_owned(),
        r#"{"flags":{"billing-portal":{"state":"ENABLED","defaultVariant":"on"}}}"#.to_owned(),
        r#"{"flags":{"billing-portal":{"state":"ENABLED","variants":{"on":"on"},"defaultVariant":"on"}}}"#.to_owned(),
        r#"{"flags":{"billing-portal":{"state":"ENABLED","variants":{"on":true,"x":1},"defaultVariant":"on"}}}"#
            .to_owned(),
        format!(r#"{{"flags":{{"billing-portal":{{{ON},"state":"ENABLED"}}}}}}"#),
        format!(r#"{{"flags":{{"billing-portal":{{{ON}}},"billing\u002dportal":{{{OFF}}}}}}}"#),
        format!(r#"{{"flags":{{"billing-portal":{{{ON}}}}},"flags":{{}}}}"#),
        format!(r#"{{"flags":[{{"key":"billing-portal",{ON}}},{{"key":"billing-portal",{OFF}}}]}}"#),
        format!(r#"{{"flags":[{{"key":"billing-portal","key":"other",{ON}}}]}}"#),
        definition("enabled", r#""on""#, "null"),
        definition("ENABLED", r#""nowhere""#, "null"),
        definition("ENABLED", "true", "null"),
        definition("ENABLED", r#""on""#, r#""off""#),
        definition("ENABLED", r#""on""#, "[]"),
        definition("ENABLED", r#""on""#, r#"{"if":[{"$ref":"unknown"},"on"]}"#),
        with_members(r#","targeting":{"if":[{"$ref":"circular"},"on"]}"#),
        with_members(r#","targeting":{"if":[{"$ref":"twice"},"on"]}"#),
        with_members(r#","targeting":{"if":[{"$ref":"same"},"on"]}"#),
        with_members(r#","targeting":{"if":[{"$ref":"is_acme","x":1},"on"]}"#),
    ] {
        let definition = parsed(&invalid);
        assert!(matches!(definition, Definition::Off(OffReason::Invalid(_))), "{invalid}: {definition:?}");
    }
}

#[test]
fn evaluators_that_multiply_or_nest_are_refused_instead_of_exhausting_memory() {
    let twice = |next: usize| format!(r#""e{}":{{"or":[{{"$ref":"e{next}"}},{{"$ref":"e{next}"}}]}}"#, next - 1);
    let once = |next: usize| format!(r#""e{}":{{"!":[{{"$ref":"e{next}"}}]}}"#, next - 1);
    let file = |count: usize, evaluator: &dyn Fn(usize) -> String| {
        let evaluators: Vec<String> = (1..=count).map(evaluator).collect();
        let evaluators = format!(r#"{},"e{count}":{{"!":[1]}}"#, evaluators.join(","));
        format!(
            r#"{{"$evaluators":{{{evaluators}}},"flags":{{"billing-portal":
            {{{ON},"targeting":{{"if":[{{"$ref":"e0"}},"on","off"]}}}}}}}}"#
        )
    };
    for (count, evaluator) in [(30, &twice as &dyn Fn(usize) -> String), (20_000, &once)] {
        assert!(matches!(parsed(&file(count, evaluator)), Definition::Off(OffReason::Invalid(_))), "{count}");
    }
    assert!(parsed(&file(3, &twice)).could_be_on() && parsed(&file(30, &once)).could_be_on());
}

#[test]
fn only_a_file_that_is_not_json_is_an_error() {
    let whole = definition("ENABLED", r#""on""#, r#"{"if":[true,"on"]}"#);
    for end in 0..whole.len() {
        assert!(parse(&whole.as_bytes()[..end], KEY).is_err(), "{}", &whole[..end]);
    }
    for garbage in [&b"garbage"[..], b"\xff\xfe{}", b"{}{}", b"{\"flags\":\"\xff\"}", b"\0\0\0"] {
        assert!(parse(garbage, KEY).is_err(), "{garbage:?}");
    }
}

#[test]
fn could_be_on_if_enabled_and_on_or_targeted() {
    assert!(parsed(&definition("ENABLED", r#""on""#, "null")).could_be_on());
    assert!(parsed(&definition("ENABLED", r#""off""#, r#"{"if":[true,"on","off"]}"#)).could_be_on());
    assert!(parsed(&definition("ENABLED", "null", r#"{"if":[true,"on","off"]}"#)).could_be_on());
    assert!(!parsed(&definition("ENABLED", "null", "null")).could_be_on());
    assert!(!parsed(&definition("ENABLED", r#""off""#, "{}")).could_be_on());
    assert!(!parsed(&definition("DISABLED", r#""on""#, "null")).could_be_on());
    assert!(!parsed(r#"{"flags":{}}"#).could_be_on());
}

/// A change in the middle of an evaluation must not combine the default of one definition with the variants of another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_definition_is_used_for_an_evaluation() {
    let definition = |default: &str, variants: &str| {
        let flag = format!(r#"{{"state":"ENABLED","defaultVariant":"{default}","variants":{variants}}}"#);
        format!(r#"{{"flags":{{"billing-portal":{flag}}}}}"#)
    };
    // Each of them is off. The default of one with the variants of the other is on.
    let definitions = [definition("a", r#"{"a":false,"b":true}"#), definition("b", r#"{"a":true,"b":false}"#)];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flags.json");
    std::fs::write(&path, &definitions[0]).unwrap();
    let file = Arc::new(ReloadingFile::open_document("--flags-file", path.clone(), |bytes| parse(bytes, KEY)).await);
    let flag = FileFlag::new(Arc::clone(&file), KEY.to_owned()).await;
    let changes = tokio::spawn(async move {
        for content in definitions.iter().cycle().take(1_000) {
            std::fs::write(&path, content).unwrap();
            file.refresh().await;
        }
    });
    let tenant = TenantId::parse("acme").unwrap();
    while !changes.is_finished() {
        assert!(!flag.is_on(&tenant).await);
    }
    changes.await.unwrap();
}
