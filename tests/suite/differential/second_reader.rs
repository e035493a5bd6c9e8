//! Other implementations, in Node.

use std::{path::Path, process::Command};

use serde_json::Value;

/// Runs a script of this folder with a JSON document, and returns the document that it prints.
pub(super) fn run(script: &str, input: &Value) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input.json");
    std::fs::write(&path, input.to_string()).unwrap();
    let jose = root.join("examples/bff-typescript/node_modules/jose/dist/webapi/index.js");
    assert!(jose.exists(), "install the packages of examples/bff-typescript; tests/run installs them");
    let script = root.join("tests/suite/differential").join(script);
    let output = Command::new("node").arg(script).arg(path).arg(jose).output().expect("Node is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
