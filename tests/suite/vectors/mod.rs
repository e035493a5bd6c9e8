//! Published test data of others, in [tests/vectors](../../vectors/README.md), read by the service's own code. Each test prints how
//! many vectors ran and how many are not applicable, by reason, and asserts these numbers, so that none is skipped unnoticed.

mod jws;
mod keys;
mod urls;
mod xfcc;

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

/// Reads a file of tests/vectors.
fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What happened to the vectors of a file, and how often.
#[derive(Default)]
struct Tally(BTreeMap<String, usize>);

impl Tally {
    fn count(&mut self, outcome: impl Into<String>) {
        *self.0.entry(outcome.into()).or_default() += 1;
    }

    /// Prints the numbers, and asserts that they are these: on each line a number and an outcome.
    fn assert(&self, name: &str, expected: &str) {
        let report: Vec<_> = self.0.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        println!("{name}: {} vectors\n    {}", self.0.values().sum::<usize>(), report.join("\n    "));
        assert_eq!(report, expected.trim().lines().map(str::trim).collect::<Vec<_>>(), "{name}");
    }
}
