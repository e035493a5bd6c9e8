//! What a program that uses this crate cannot write: the compiler refuses to construct or to print a proof.
//!
//! Each file in `outside/` is compiled by itself against the library of this test. A line that ends with `//~ CODE` must have
//! exactly that error, and no other line may have one. The crate `trybuild` does the same, but compiles all dependencies once
//! more. The functions that check Stripe's responses can be called from outside, so their results can be had, but not without
//! the check.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

#[test]
fn a_program_cannot_construct_or_print_a_proof() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/structure/outside");
    let mut refused = 0;
    for case in fs::read_dir(folder).unwrap() {
        let path = case.unwrap().path();
        let expected = expected(&fs::read_to_string(&path).unwrap());
        assert_eq!(errors(&path), expected, "{}", path.display());
        refused += expected.len();
    }
    println!("{refused} lines are refused by the compiler");
    assert!(refused > 0);
}

/// Returns the lines that are marked, each with its error.
fn expected(text: &str) -> BTreeSet<(u64, String)> {
    let marked = |(line, text): (u64, &str)| Some((line, text.split_once("//~ ")?.1.to_owned()));
    (1..).zip(text.lines()).filter_map(marked).collect()
}

/// Compiles a file, and returns the lines of its errors, each with its code.
fn errors(path: &Path) -> BTreeSet<(u64, String)> {
    let (library, output) = (library(), tempfile::tempdir().unwrap());
    let compiler = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--error-format=json", "--out-dir"])
        .arg(output.path())
        .arg("-L")
        .arg(format!("dependency={}", library.parent().unwrap().display()))
        .arg("--extern")
        .arg(format!("billing_portal={}", library.display()))
        .arg(path)
        .output()
        .expect("rustc is needed");
    let messages = String::from_utf8(compiler.stderr).unwrap();
    let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let errors: Vec<_> = messages.filter(|message| message["level"] == "error").collect();
    assert_eq!(compiler.status.success(), errors.is_empty());
    let primary =
        |error: &Value| error["spans"].as_array().unwrap().iter().find(|span| span["is_primary"] == true).cloned();
    // The last error only counts the others.
    let of_lines =
        errors.iter().filter_map(|error| Some((primary(error)?, error["code"]["code"].as_str().unwrap_or("none"))));
    of_lines.map(|(span, code)| (span["line_start"].as_u64().unwrap(), code.to_owned())).collect()
}

/// Returns the newest library of this crate, in the folder of this test's program.
fn library() -> PathBuf {
    let program = env::current_exe().unwrap();
    let files = fs::read_dir(program.parent().unwrap()).unwrap().map(|file| file.unwrap().path());
    let is_library = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("libbilling_portal-") && name.ends_with(".rlib")
    };
    let newest = files.filter(is_library).max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
    newest.expect("the library of this crate is next to the test")
}
