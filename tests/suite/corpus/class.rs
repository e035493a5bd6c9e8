//! Reads a file of `tests/corpus`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{case::Case, text::expand};

/// A file of the corpus.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Class {
    /// The names of the cases that must be there.
    pub(super) examples: Vec<String>,
    /// What every case of the file has unless it says otherwise, such as the settings of the server.
    #[serde(default)]
    usual: Value,
    #[serde(rename = "case")]
    pub(super) cases: Vec<Map<String, Value>>,
}

pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

pub(super) fn read(name: &str) -> Class {
    basic_toml::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}.toml: {error}"))
}

pub(super) fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name).with_extension("toml")).unwrap()
}

/// Whether a class has a case of this name that is driven by its row.
pub(crate) fn has_case(class: &str, name: &str) -> bool {
    read(class).cases.iter().any(|row| row["name"] == name && !row.contains_key("covered_by"))
}

impl Class {
    /// Returns the variants of a case, or the case itself if it has none. Times are those of now.
    pub(super) fn variants(&self, row: &Map<String, Value>) -> Vec<Case> {
        let mut common = self.usual.clone();
        if common.is_null() {
            common = Value::Object(Map::new());
        }
        let mut row = row.clone();
        let variants = row.remove("variants");
        merge(&mut common, Value::Object(row));
        let variants = variants.map_or_else(|| vec![Value::Null], |variants| variants.as_array().unwrap().clone());
        let case = |variant: Value| {
            let mut merged = common.clone();
            let shown = variant.to_string();
            if !variant.is_null() {
                merge(&mut merged, variant);
            }
            let mut case: Case =
                serde_json::from_value(expand(merged)).unwrap_or_else(|error| panic!("{}: {error}", common["name"]));
            if shown != "null" {
                case.name = format!("{}: {}", case.name, shown.chars().take(200).collect::<String>());
            }
            case
        };
        variants.into_iter().map(case).collect()
    }
}

/// Sets the members of `change` in `value`; tables are merged, everything else is replaced.
fn merge(value: &mut Value, change: Value) {
    match (value, change) {
        (Value::Object(members), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(members.entry(name).or_insert(Value::Null), change);
            }
        }
        (value, change) => *value = change,
    }
}
