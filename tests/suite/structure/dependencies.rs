//! The arrows of the design: dependencies point inward, the domain names no framework, files stay small.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push((path.strip_prefix(root).unwrap().to_owned(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!files.is_empty(), "{folder} has no sources");
    files
}

/// The code of a file, without its comments, so that a word in prose is no dependency.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Whether `use crate::{ … }` or a path names a room of the crate.
fn names_room(code: &str, room: &str) -> bool {
    let nested = code.split("use crate::{").skip(1).any(|rest| {
        let block = rest.split(";").next().unwrap_or_default();
        block.split([',', '{', '\n']).any(|item| item.trim().split("::").next() == Some(room))
    });
    nested || code.contains(&format!("crate::{room}"))
}

#[test]
fn no_arrow_points_outward() {
    for (room, forbidden) in [
        ("src/portal", &["grpc", "adapters", "server", "wiring", "config", "telemetry", "reload"][..]),
        ("src/grpc", &["adapters", "server", "wiring", "config"]),
        ("src/adapters", &["grpc", "server", "wiring", "config"]),
    ] {
        for (path, text) in sources(room) {
            for outer in forbidden {
                assert!(!names_room(&code(&text), outer), "{} names {outer}", path.display());
            }
        }
    }
}

#[test]
fn the_domain_names_no_framework() {
    for (path, text) in sources("src/portal") {
        for framework in ["tonic", "axum", "hyper", "http::", "sqlx", "stripe_", "open_feature", "jsonwebtoken", "clap"]
        {
            let code = code(&text);
            // The constant names Stripe's locales; a crate would be named in a path.
            let named = code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).any(|word| {
                word.starts_with(&format!("{framework}::"))
                    || (framework.ends_with([':', '_']) && word.starts_with(framework) && word.contains("::"))
            });
            assert!(!named, "{} names {framework}", path.display());
        }
    }
}

#[test]
fn the_test_sees_an_arrow_that_points_outward() {
    assert!(names_room("use crate::{\n    grpc::status::respond,\n    portal::Reason,\n};", "grpc"));
    assert!(names_room("let x = crate::adapters::flag::parse;", "adapters"));
    assert!(!names_room("use crate::portal::{Flag, grpc_like};", "grpc"));
}

#[test]
fn no_file_is_longer_than_a_reader_likes() {
    for folder in ["src", "examples", "tests"] {
        for (path, text) in sources(folder) {
            let lines = text.lines().count();
            assert!(lines <= 250, "{} has {lines} lines; split it, or give the reason here", path.display());
        }
    }
}
