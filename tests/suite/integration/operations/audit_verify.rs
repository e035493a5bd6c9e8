//! Integration: the real binary's `audit-verify` command, on the files of a real process that is killed, restarted and whose file
//! is rotated.

use std::{
    fs::File,
    path::PathBuf,
    process::{Output, Stdio},
};

use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit};
use serde_json::Value;

use crate::support::{
    World,
    process::{Serving, binary, binary_after, limit, serve, serve_at, signal, text},
    stripe::hold_responses,
};

/// Runs the command without any setting. Returns the rows of its report as well.
async fn verify(options: &[&str], files: &[&PathBuf]) -> (Vec<Value>, Output) {
    let output = binary().args(["audit-verify", "--format=json"]).args(options).args(files).output().await.unwrap();
    (serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}")), output)
}

/// Starts the binary on a world's settings. From here on, the world's requests go to the process.
async fn serve_world(world: &mut World) -> Serving {
    let arguments = world.settings(&["--listen=127.0.0.1:0"]);
    let serving = serve_at("info", &arguments).await;
    world.connect_to(serving.address).await;
    serving
}

/// A world with the entries of two processes: `audit.1` with those of a process that was killed during a call, and of another
/// one; `audit.jsonl` with the next entries of that one. A call has begun in the first file, and ended in the second.
async fn audited() -> World {
    let mut world = World::start().await;
    // The service in this process has opened the file, but never gets a request.
    let member = world.issuer.token("olivia", "acme", "member");
    let Serving { mut child, .. } = serve_world(&mut world).await;
    for _ in 0..3 {
        world.open(&world.olivia()).await.unwrap();
        world.open(&member).await.unwrap_err();
    }
    let (received, _held) = hold_responses(&world.stripe);
    let token = world.olivia();
    tokio::select! {
        _ = world.open(&token) => panic!("the call ended although Stripe does not respond"),
        () = received.notified() => signal(&child, "-KILL"),
    }
    child.wait().await.unwrap();

    let Serving { mut child, .. } = serve_world(&mut world).await;
    let (received, release) = hold_responses(&world.stripe);
    let (opened, ()) = tokio::join!(world.open(&token), async {
        received.notified().await;
        std::fs::rename(world.path("audit.jsonl"), world.path("audit.1")).unwrap();
        release.add_permits(1_000);
    });
    opened.unwrap();
    let opened = join_all((0..10).map(|_| world.open(&token))).await;
    assert!(opened.iter().all(Result::is_ok));
    signal(&child, "-TERM");
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    world
}

#[tokio::test]
async fn files_of_a_killed_and_a_rotated_process_are_accepted_and_each_change_is_named() {
    let world = audited().await;
    let [old, new, changed] = ["audit.1", "audit.jsonl", "changed"].map(|name| world.path(name));
    for files in [[&old, &new], [&new, &old]] {
        let (rows, output) = verify(&[], &files).await;
        let found: Vec<_> = rows.iter().map(|row| (&row["result"], &row["severity"], &row["audit_entry"])).collect();
        let killed = Value::from(format!("{}:10", old.display()));
        assert_eq!(found, [(&"unresolved".into(), &"warning".into(), &killed)], "{output:?}");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let summary = text(&output.stderr);
        let counts = "entries: 32, intents: 15, outcomes: 17, released: 14, without a number: 0, writers: 2, from ";
        assert!(summary.starts_with(counts) && summary.ends_with("\nfailures: 0, warnings: 1\n"), "{summary}");
    }

    // The third entry, which is a refusal, and the fourth one.
    let content = std::fs::read_to_string(&old).unwrap();
    let lines: Vec<_> = content.lines().collect();
    let time = |hours: &str| {
        let entry: Value = serde_json::from_str(lines[2]).unwrap();
        let time = humantime::parse_rfc3339(entry["time"].as_str().unwrap()).unwrap();
        let hour = std::time::Duration::from_secs(3_600);
        let changed = if hours == "later" { time + hour } else { time - hour };
        lines[2].replace(entry["time"].as_str().unwrap(), &humantime::format_rfc3339_millis(changed).to_string())
    };
    for (change, third, expected) in [
        ("removed", vec![], vec![("gap", 3, "3")]),
        ("duplicated", vec![lines[2].to_owned(), lines[2].to_owned()], vec![("duplicate", 4, "")]),
        ("replaced", vec![lines[2].to_owned(), lines[2].replace("member", "person")], vec![("duplicate", 4, "")]),
        ("torn", vec![lines[2][..100].to_owned()], vec![("torn", 3, ""), ("gap", 4, "3")]),
        ("earlier", vec![time("earlier")], vec![("clock_jump", 3, "3")]),
        ("later", vec![time("later")], vec![("clock_jump", 3, "3")]),
        ("unreadable", vec!["{}".to_owned(), lines[2].to_owned()], vec![("torn", 3, "")]),
    ] {
        let third = third.iter().map(String::as_str);
        let text: Vec<_> = lines[..2].iter().copied().chain(third).chain(lines[3..].iter().copied()).collect();
        std::fs::write(&changed, text.join("\n") + "\n").unwrap();
        let (rows, output) = verify(&[], &[&changed, &new]).await;
        let failures = rows.iter().filter(|row| row["severity"] == "failure");
        let found: Vec<_> = failures
            .map(|row| [&row["result"], &row["audit_entry"], &row["sequence"]].map(|cell| cell.as_str().unwrap_or("")))
            .collect();
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(result, line, sequence)| {
                [result.to_owned(), format!("{}:{line}", changed.display()), sequence.to_owned()]
            })
            .collect();
        assert_eq!(found, expected, "{change}: {output:?}");
        assert_eq!(output.status.code(), Some(1), "{change}");
    }
}

#[tokio::test]
async fn line_that_a_full_disk_tears_is_continued_and_lost_entries_are_a_gap() {
    let mut world = World::start().await;
    let settings = world.settings(&["--listen=127.0.0.1:0"]);
    // A limit of 1,024 bytes for a file acts like a full disk.
    let mut command = binary_after("trap '' XFSZ; ulimit -S -f 2");
    command.args(settings);
    let Serving { mut child, address, .. } = serve(command).await;
    world.connect_to(address).await;
    let path = world.path("audit.jsonl");
    while world.open(&world.olivia()).await.is_ok() {}
    let torn = std::fs::read_to_string(&path).unwrap();
    assert!(torn.len() == 1_024 && !torn.ends_with('\n'), "{torn}");

    limit(&child, Resource::Fsize, Rlimit { current: None, maximum: None });
    world.open(&world.olivia()).await.unwrap();
    let (rows, output) = verify(&[], &[&path]).await;
    // The first call, an intent, a torn OK, the lost AUDIT_UNAVAILABLE that follows it, and the last call.
    let found: Vec<_> = rows.iter().map(|row| (row["result"].as_str().unwrap(), &row["sequence"])).collect();
    assert_eq!(found, [("gap", &Value::from("5"))], "{output:?}");
    signal(&child, "-TERM");
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn files_are_read_from_standard_input_and_from_the_setting_of_the_service() {
    let world = World::start().await;
    world.open(&world.olivia()).await.unwrap();
    let path = world.path("audit.jsonl");
    let setting = format!("file:{}", path.display());
    for (files, expected) in [
        (vec!["-"], "entries: 2, "),
        (vec![&*setting], "entries: 2, "),
        // Entries are compared if both files can be read again.
        (vec![&setting, &setting], "failures: 0, warnings: 1"),
        (vec!["-", &setting], "failures: 2, warnings: 0"),
    ] {
        let mut command = binary();
        command.arg("audit-verify").args(&files).stdin(Stdio::from(File::open(&path).unwrap()));
        // A setting of the service in the environment is accepted, but not needed.
        let output = command.env("BILLING_PORTAL_AUDIT", "stdout").output().await.unwrap();
        assert!(text(&output.stderr).contains(expected), "{files:?}: {output:?}");
        assert_eq!(output.status.success(), !expected.starts_with("failures: 2"), "{output:?}");
    }
}

#[tokio::test]
async fn unusable_file_is_named() {
    for (arguments, expected) in [
        (vec!["/nowhere/x"], "FILE: /nowhere/x cannot be read: No such file or directory (os error 2)"),
        (vec!["/"], "FILE: / cannot be read: Is a directory (os error 21)"),
        (vec!["stdout"], "FILE: expected files with audit entries, or - for standard input;"),
        (vec![], "missing required settings: <FILE>...; see --help"),
        (vec!["x", "--stripe-mode=test"], "--stripe-mode: unknown flag"),
    ] {
        let output = binary().arg("audit-verify").args(&arguments).output().await.unwrap();
        assert_eq!((text(&output.stdout), output.status.code()), ("", Some(64)), "{output:?}");
        let error = text(&output.stderr);
        assert!(error.starts_with(&format!("billing-portal: {expected}")) && error.lines().count() == 1, "{error}");
    }
}
