//! Fields of log lines and spans are recorded as values or by `Display`: what `Debug` prints is quoted a second time in JSON.

use super::sources::{code_without_tests, sources};

/// Returns the arguments of every call of a macro of `tracing`.
fn arguments(code: &str) -> Vec<String> {
    let mut calls = Vec::new();
    for (at, _) in code.match_indices("tracing::") {
        let Some((name, rest)) = code[at + "tracing::".len()..].split_once("!(") else { continue };
        if name.chars().all(|character| character.is_ascii_lowercase() || character == '_') {
            let mut depth = 1;
            let end = rest.find(|character| {
                depth += i32::from(character == '(') - i32::from(character == ')');
                depth == 0
            });
            calls.push(rest[..end.unwrap()].to_owned());
        }
    }
    calls
}

/// Returns whether an argument is recorded by `Debug`, which the sigil `?` says.
fn has_debug(arguments: &str) -> bool {
    let starts = |part: &str| part.trim_start().starts_with('?');
    arguments.split(',').any(|argument| starts(argument) || argument.split('=').skip(1).any(starts))
}

#[test]
fn no_field_is_recorded_by_debug() {
    let mut checked = 0;
    for (path, text) in sources("src") {
        for arguments in arguments(&code_without_tests(&text)) {
            assert!(!has_debug(&arguments), "{}: {arguments}", path.display());
            checked += 1;
        }
    }
    assert!(checked > 30, "{checked}");
}

#[test]
fn finds_fields_that_are_recorded_by_debug() {
    let found = |code: &str| arguments(code).iter().map(|call| has_debug(call)).collect::<Vec<_>>();
    assert_eq!(found(r#"tracing::info!(?path, "served"); tracing::warn!(a = f(1), b = ?path, "x")"#), [true, true]);
    assert_eq!(found(r#"tracing::info!(path = %x.y()?, "is it?"); tracing::Span::current()"#), [false]);
}
