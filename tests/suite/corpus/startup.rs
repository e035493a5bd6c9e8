//! Starts of the real binary: what stops it, and with which message.

use std::net::TcpListener;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::case::{Case, Start};
use crate::support::{
    process::{binary, valid_settings},
    settings::override_settings,
};

/// Values that no message may contain.
const SECRETS: [&str; 3] = ["abc123", "hunter2", "PRIVATE"];

/// Starts the binary for a case, and returns what differs from its expectation.
pub(super) async fn drive(case: &Case, start: &Start) -> Option<String> {
    // Settings that are accepted fail when the address is bound.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (folder, mut arguments) = valid_settings();
    arguments.retain(|argument| !start.without.iter().any(|name| argument.starts_with(&format!("{name}="))));
    let in_folder = |text: &String| text.replace("{folder}", &folder.path().display().to_string());
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    let changes: Vec<String> = std::iter::once(listen).chain(start.settings.iter().map(in_folder)).collect();
    override_settings(&mut arguments, &changes.iter().map(String::as_str).collect::<Vec<_>>());
    for (name, text) in &start.files {
        std::fs::write(folder.path().join(name), super::text::bytes(text)).unwrap();
    }
    let variables = start.variables.iter().map(|(name, value)| (name, in_folder(value)));
    let mut child = binary().args(arguments).envs(variables).spawn().unwrap();
    let (mut lines, mut all) = (BufReader::new(child.stderr.take().unwrap()).lines(), String::new());
    while let Some(line) = lines.next_line().await.unwrap() {
        // It would not end by itself.
        if line.contains("\"listening\"") {
            child.start_kill().unwrap();
        }
        all += &format!("{line}\n");
    }
    let output = child.wait_with_output().await.unwrap();
    all += &String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = all.lines().filter(|line| !line.starts_with('{')).collect();
    let code = output.status.code();
    let is_as_expected = if case.expect.starts {
        code == Some(1)
    } else {
        let expected = format!("billing-portal: {}", in_folder(case.expect.message.as_ref().unwrap()));
        code == Some(64) && matches!(&lines[..], [line] if matches(line, &expected))
    };
    let is_secret_safe = !SECRETS.iter().any(|secret| all.contains(secret));
    let describe = || format!("{}: the start exits with {code:?} and prints {all}", case.name);
    (!is_as_expected || !is_secret_safe).then(describe)
}

/// Whether a text is the expected one, in which `…` stands for any text.
pub(super) fn matches(text: &str, expected: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        let Some(position) = rest.find(part) else { return false };
        rest = &rest[position + part.len()..];
        last = Some(part);
    }
    rest.is_empty() || last == Some("")
}

#[test]
fn ellipsis_stands_for_any_text() {
    assert!(
        matches("a: b c", "a: b c") && matches("a: b c", "a: …") && matches("a: b c", "…b…") && matches("a: b", "a…b")
    );
    assert!(!matches("a: b c", "a: b") && !matches("a: b c", "…b") && !matches("a: b c", "…x…"));
}
