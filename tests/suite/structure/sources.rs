//! Reads the crate's sources.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Returns every Rust file below a folder of the repository, by its path from the root.
pub(super) fn sources(folder: &str) -> Vec<(PathBuf, String)> {
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

/// Returns the code of a file without comment lines, so that a word in a comment does not count.
pub(super) fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Returns the code of a file without comment lines and without its test modules, which end with a brace at the start of a line.
pub(super) fn code_without_tests(text: &str) -> String {
    let mut kept = Vec::new();
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    while let Some(line) = lines.next() {
        if line != "#[cfg(test)]" {
            kept.push(line);
        } else if lines.next().is_some_and(|line| line.ends_with('{')) {
            lines.find(|line| line.starts_with('}'));
        }
    }
    kept.join("\n")
}
