//! The fuzz targets are documented, and have seeds.

use std::{collections::BTreeSet, fs, path::Path};

use super::sources::sources;

const README: &str = include_str!("../../../fuzz/README.md");

/// Returns the names of the folders in a folder of the repository, or none if it does not exist.
fn folders(path: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    entries.into_iter().flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn each_target_has_seeds_and_a_row_in_the_table() {
    let mut targets = BTreeSet::new();
    for (path, text) in sources("src").into_iter().filter(|(path, _)| path.ends_with("fuzz.rs")) {
        for (before, after) in text.match_indices("fuzz::run(\"").map(|(at, call)| text.split_at(at + call.len())) {
            let (target, _) = after.split_once('"').unwrap();
            // The name of the test is what fuzz/run lists.
            assert!(before.contains(&format!("#[test]\nfn {target}() {{")), "{target} in {}", path.display());
            targets.insert(target.to_owned());
        }
    }
    let (_, table) = README.split_once("| target | input | invariant |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let documented: BTreeSet<_> = rows.map(|row| row.split('`').nth(1).unwrap().to_owned()).collect();
    assert_eq!(targets, documented);
    assert_eq!(targets, folders("fuzz/corpus"));
    assert!(folders("fuzz/crashes").is_subset(&targets));
}
