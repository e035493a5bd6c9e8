//! What weakens the service on purpose fits the current source: the patches that `tests/saboteurs/run` applies, and the files that
//! `tests/mutants` changes.

use std::{
    collections::HashSet,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

use super::sources::sources;
use crate::corpus;

/// Returns the saboteurs: name, what it changes, kind and name of its test, the case of the corpus (or nothing), and the patch.
fn saboteurs() -> Vec<[String; 6]> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/saboteurs");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let patches = files.filter(|path| path.extension().is_some_and(|extension| extension == "patch"));
    let parse = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let parsed = text.split_once("\n\n").and_then(|(head, patch)| {
            let (what, test) = head.strip_prefix("What: ")?.split_once("\nTest: ")?;
            let (test, case) = test.split_once("\nCase: ").unwrap_or((test, ""));
            let (kind, test) = test.split_once(' ')?;
            Some([name, what, kind, test, case, patch].map(str::to_owned))
        });
        parsed.unwrap_or_else(|| panic!("{name}: expected What: and Test:, an empty line, and a patch"))
    };
    patches.map(parse).collect()
}

/// Returns the files that may contain a test: the file of its module, or the file around the module.
fn files_of_test(root: &str, test: &str) -> (Vec<PathBuf>, String) {
    let mut modules: Vec<_> = test.split("::").collect();
    let function = modules.pop().unwrap();
    let mut files = Vec::new();
    for modules in [&modules[..], modules.strip_suffix(&["tests"]).unwrap_or(&modules)] {
        let path = Path::new(root).join(modules.join("/"));
        files.extend([path.with_extension("rs"), path.join("mod.rs")]);
    }
    (files, format!("fn {function}()"))
}

#[test]
fn each_saboteur_applies_and_names_a_test() {
    let all = saboteurs();
    let mut unique = HashSet::new();
    let sources = [sources("src"), sources("tests/suite")].concat();
    for [name, what, kind, test, case, patch] in &all {
        assert!(unique.insert(what) && unique.insert(patch), "{name} is the same as another saboteur");
        let changed: Vec<_> = patch.lines().filter_map(|line| line.strip_prefix("+++ b/")).collect();
        assert!(changed.iter().all(|file| file.starts_with("src/")) && !changed.is_empty(), "{name}: {changed:?}");
        if let Some(class) = test.strip_prefix("corpus::") {
            assert!(corpus::has_case(class, case), "{name}: {class} does not have the case {case:?}");
            continue;
        }
        assert_eq!(case, "", "{name}: only tests of the corpus have cases");
        let root = match kind.as_str() {
            "lib" => "src",
            "suite" => "tests/suite",
            _ => panic!("{name}: expected lib or suite before the name of the test"),
        };
        let (files, function) = files_of_test(root, test);
        let is_test = |(path, text): &(PathBuf, String)| files.contains(path) && text.contains(&function);
        assert!(sources.iter().any(is_test), "{name}: {kind} does not have the test {test}");
    }
    for [name, ..] in &all {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut git = Command::new("git");
        git.args(["apply", "--check", &format!("tests/saboteurs/{name}.patch")]).current_dir(root);
        // A copy of the repository inside another one is not a part of it.
        let output = match git.env("GIT_CEILING_DIRECTORIES", root.parent().unwrap()).output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                println!("git is not installed, so it is not checked whether the saboteurs apply");
                return;
            }
            output => output.unwrap(),
        };
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} does not apply to the current source; adapt it: {error}");
    }
}

#[test]
fn every_file_that_mutants_are_made_of_exists() {
    let config = include_str!("../../../.cargo/mutants.toml");
    let listed: Vec<_> =
        config.lines().filter_map(|line| line.strip_prefix("    \"src/")?.strip_suffix("\",")).collect();
    let sources = sources("src");
    assert!(listed.len() > 20);
    for file in listed {
        let folder = file.split('*').next().unwrap();
        let is_listed = |path: &Path| path.starts_with(Path::new("src").join(folder));
        assert!(sources.iter().any(|(path, _)| is_listed(path)), "{file}");
    }
}
