//! A value that proves that a check passed is constructed only by that check. Rust's visibility cannot express this across
//! modules, so these tests read the source and assert which files name each constructor. Within `src/portal`, private fields
//! are enough.

use super::sources::{code_without_tests, sources};

/// Each constructor, and the files that may name it. `access.rs` also names `Owner::prove`, because it decides for people of
/// any role and refuses those who are not owners.
const CONSTRUCTORS: [(&str, &[&str]); 6] = [
    ("Principal::new", &["src/grpc/auth/token.rs", "src/grpc/auth/token/tests.rs", "src/portal/access/tests.rs"]),
    ("Owner::prove", &["src/grpc/auth/interceptor.rs", "src/portal/access.rs", "src/portal/access/tests.rs"]),
    ("RecordedTenant::new", &["src/adapters/stripe/response.rs"]),
    ("CheckedSession::new", &["src/adapters/stripe/response.rs"]),
    ("response::recorded_tenant(", &["src/adapters/stripe/mod.rs"]),
    (
        "checked_session(",
        &[
            "src/adapters/stripe/mod.rs",
            "src/adapters/stripe/response.rs",
            "src/adapters/stripe/response/fuzz.rs",
            "src/adapters/stripe/response/tests.rs",
        ],
    ),
];

#[test]
fn constructors_of_checked_values_are_named_only_in_allowed_files() {
    let mut files = sources("src");
    files.extend(sources("examples"));
    for (constructor, allowed) in CONSTRUCTORS {
        let mut found: Vec<_> = files
            .iter()
            .filter(|(_, text)| code_without_tests(text).contains(constructor))
            .map(|(path, _)| path.display().to_string())
            .collect();
        found.sort();
        assert_eq!(found, allowed, "{constructor}");
    }
}

/// An alias of one of the types would hide a constructor from the test above.
#[test]
fn checked_values_are_never_renamed() {
    for (path, text) in sources("src") {
        for (constructor, _) in CONSTRUCTORS.into_iter().filter(|(name, _)| name.starts_with(char::is_uppercase)) {
            let name = constructor.split("::").next().unwrap();
            let code = code_without_tests(&text);
            let renames = [format!("{name} as "), format!("= {name};"), format!("{name}::{{")];
            assert!(renames.iter().all(|rename| !code.contains(rename)), "{} renames {name}", path.display());
        }
    }
}

#[test]
fn code_without_tests_keeps_what_follows_a_test_module() {
    let text = "a();\n#[cfg(test)]\nmod tests;\n\nb();\n#[cfg(test)]\nmod tests {\n    c();\n}\nd();\n";
    assert_eq!(code_without_tests(text), "a();\n\nb();\nd();");
}
