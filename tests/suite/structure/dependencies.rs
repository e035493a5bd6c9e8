//! The modules of the crate: each depends only on those below it, the domain names no framework, and files stay small.

use super::sources::{code, sources};

/// The modules from top to bottom. Modules on one level do not depend on each other.
const LEVELS: [&[&str]; 10] = [
    &["commands"],
    &["server"],
    &["wiring"],
    &["config"],
    &["grpc", "adapters"],
    &["reload"],
    &["egress"],
    &["portal", "supervisor"],
    &["telemetry"],
    &["json", "pipe", "tls"],
];

/// Returns whether `use crate::{ … }` or a path names a module of the crate.
fn names_module(code: &str, module: &str) -> bool {
    let in_list = code.split("use crate::{").skip(1).any(|rest| {
        let block = rest.split(';').next().unwrap_or_default();
        block.split([',', '{', '\n']).any(|item| item.trim().split("::").next() == Some(module))
    });
    in_list || code.contains(&format!("crate::{module}::")) || code.contains(&format!("crate::{module};"))
}

#[test]
fn each_module_depends_only_on_modules_below_it() {
    let mut checked = 0;
    for (position, level) in LEVELS.iter().enumerate() {
        for module in *level {
            let above = LEVELS[..=position].concat().into_iter().filter(|other| other != module);
            let above: Vec<_> = above.collect();
            for (path, text) in sources(&format!("src/{module}")) {
                for other in &above {
                    assert!(!names_module(&code(&text), other), "{} depends on {other}", path.display());
                }
            }
            checked += 1;
        }
    }
    let declared = include_str!("../../../src/lib.rs").lines().filter(|line| line.starts_with("pub mod ")).count();
    assert_eq!(checked, declared, "a module of src/lib.rs has no level");
}

#[test]
fn main_uses_commands_and_telemetry_only() {
    let main = code(include_str!("../../../src/main.rs"));
    for module in LEVELS.concat().into_iter().filter(|module| !["commands", "telemetry"].contains(module)) {
        assert!(!main.contains(&format!(" {module}::")) && !main.contains(&format!(" {module},")), "{module}");
    }
}

#[test]
fn domain_names_no_framework() {
    for (path, text) in sources("src/portal") {
        for framework in
            ["tonic", "axum", "hyper", "http::", "sqlx", "rusqlite", "stripe_", "open_feature", "jsonwebtoken", "clap"]
        {
            let code = code(&text);
            // The constant STRIPE_LOCALES is allowed; a crate would be named in a path.
            let is_named = code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).any(|word| {
                word.starts_with(&format!("{framework}::"))
                    || (framework.ends_with([':', '_']) && word.starts_with(framework) && word.contains("::"))
            });
            assert!(!is_named, "{} names {framework}", path.display());
        }
    }
}

#[test]
fn names_module_finds_imports_and_paths() {
    assert!(names_module("use crate::{\n    grpc::status::refused,\n    portal::Reason,\n};", "grpc"));
    assert!(names_module("let x = crate::adapters::flag::parse;", "adapters"));
    assert!(!names_module("use crate::portal::{Flag, grpc_like};", "grpc"));
}

#[test]
fn files_have_at_most_250_lines() {
    for folder in ["src", "examples", "tests"] {
        for (path, text) in sources(folder) {
            let lines = text.lines().count();
            assert!(lines <= 250, "{} has {lines} lines; split it", path.display());
        }
    }
}
