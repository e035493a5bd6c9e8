//! Smoke: the commands of docs/deploy.md, "Without a mesh", lead from an empty directory to the first portal session.

use std::{path::Path, time::Duration};

use tokio::{process::Command, time::timeout};

const DEPLOY: &str = include_str!("../../../docs/deploy.md");

/// Returns the commands of the section, with an address of loopback on which no other process listens.
fn commands() -> String {
    let (_, section) = DEPLOY.split_once("\n## Without a mesh\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let lines: Vec<_> = section.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    let [.., high, low] = std::process::id().to_be_bytes();
    lines.join("\n").replace("127.0.0.1", &format!("127.77.{high}.{low}"))
}

#[tokio::test]
#[ignore = "needs grpcurl, OpenSSL and SQLite: tests/run installs them"]
async fn documented_commands_open_a_portal_with_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_billing-portal")).parent().unwrap();
    assert!(programs.join("stripe-simulator").exists(), "cargo build --workspace builds stripe-simulator");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let script = format!("set -euo pipefail\ntrap 'kill $(jobs -p)' EXIT\n{}\n", commands());
    let mut command = Command::new("bash");
    // What the document does not set must not matter.
    command.env_clear().env("PATH", path).env("HOME", folder.path()).args(["-c", &script]).current_dir(&folder);
    let output = timeout(Duration::from_secs(60), command.kill_on_drop(true).output()).await.unwrap().unwrap();
    let [text, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains("\"url\": \"http://127.77.") && text.contains("/p/session/test_"), "{text}\n{errors}");
    let audit = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let outcome: serde_json::Value = serde_json::from_str(audit.lines().last().unwrap()).unwrap();
    assert_eq!((&outcome["reason"], &outcome["caller"]), (&"OK".into(), &"spiffe://example.org/settings".into()));
}
