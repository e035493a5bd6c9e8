//! Integration: what the audit log is written to — a reader that has stopped for a while, and a file that was rotated.

use std::{
    fs::File,
    path::Path,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
};
use serde_json::Value;

use crate::support::{
    World,
    process::{Serving, binary, create_pipe, full_pipe, read_some, serve, signal},
};

/// Starts the binary on a world's settings. From here on, the world's requests go to the process.
async fn serve_world(world: &mut World, audit: File) -> Serving {
    let arguments = world.settings(&["--listen=127.0.0.1:0", "--audit=stdout"]);
    let mut command = binary();
    command.args(&arguments).stdout(audit);
    let serving = serve(command).await;
    world.connect_to(serving.address).await;
    serving
}

fn is_full(pipe: &File) -> bool {
    poll(&mut [PollFd::new(pipe, PollFlags::OUT)], Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 0
}

/// Returns the records in the content of a pipe that was full of dots.
fn records(received: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(received).unwrap().trim_start_matches('.');
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("torn: {line}"))).collect()
}

/// Returns the number of each record.
fn numbers(records: &[Value]) -> Vec<u64> {
    records.iter().map(|record| record["sequence"].as_u64().unwrap()).collect()
}

/// Returns the reason of each outcome; `intent` for an intent.
fn reasons(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["reason"].as_str().unwrap_or("intent")).collect()
}

#[tokio::test]
async fn reader_that_stops_for_less_than_the_limit_fails_no_call() {
    let mut world = World::start().await;
    // The writer keeps the pipe open: a process that shares standard output may have set the flag.
    let (writer, reader) = full_pipe(&world.path("pipe"), OFlags::NONBLOCK);
    let Serving { mut child, .. } = serve_world(&mut world, writer).await;
    // One person may have 16 calls in flight.
    world.sql("INSERT INTO billing_portal_owners VALUES ('acme', 'oda'), ('acme', 'oscar'), ('acme', 'otto')");
    let tokens = ["olivia", "oda", "oscar", "otto"].map(|owner| world.issuer.token(owner, "acme", "owner"));
    let mut received = Vec::new();
    let read_when_full = async {
        loop {
            if is_full(&reader) {
                read_some(&reader, 4_096, &mut received);
            }
            tokio::task::yield_now().await;
        }
    };
    let urls = tokio::select! {
        urls = join_all(tokens.iter().cycle().take(40).map(|token| world.open(token))) => urls,
        () = read_when_full => unreachable!(),
    };
    let failed: Vec<_> = urls.iter().filter_map(|url| url.as_ref().err()).collect();
    assert!(failed.is_empty(), "{} of 40 calls failed: {:?}", failed.len(), failed[0]);
    read_some(&reader, u64::MAX, &mut received);
    let records = records(&received);
    let count = |reason| reasons(&records).into_iter().filter(|found| *found == reason).count();
    assert_eq!((count("intent"), count("OK"), records.len()), (40, 40, 80));
    assert_eq!(numbers(&records), (1..=80).collect::<Vec<_>>());
    signal(&child, "-TERM");
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn reader_that_stops_for_longer_gets_whole_lines_and_truthful_outcomes() {
    let mut world = World::start().await;
    let (writer, reader) = full_pipe(&world.path("pipe"), OFlags::NONBLOCK);
    let Serving { mut child, .. } = serve_world(&mut world, writer).await;
    let mut received = Vec::new();
    read_some(&reader, 4_096, &mut received);
    // Longer than the free part of the pipe, so its beginning is written and its rest waits.
    let long = world.issuer.token("olivia", "acme", &"x".repeat(5_000));
    let (refused, unaudited) = tokio::join!(world.open(&long), async {
        while !is_full(&reader) {
            tokio::task::yield_now().await;
        }
        world.open(&world.olivia()).await
    });
    assert_eq!(refused.unwrap_err().reason, "NOT_OWNER");
    assert_eq!(unaudited.unwrap_err().reason, "AUDIT_UNAVAILABLE");
    assert!(world.stripe.requests().is_empty());
    read_some(&reader, u64::MAX, &mut received);
    world.open(&world.olivia()).await.unwrap();
    read_some(&reader, u64::MAX, &mut received);
    let records = records(&received);
    // The intent of the second call was never written, and its call knows that, so it has no number.
    assert_eq!(reasons(&records), ["NOT_OWNER", "AUDIT_UNAVAILABLE", "intent", "OK"]);
    assert_eq!(numbers(&records), [1, 2, 3, 4]);
    signal(&child, "-TERM");
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

/// Opens a session, and asserts that its intent and its outcome are the last records of the current file. Returns their
/// numbers.
async fn opens_with_record_in(world: &World, path: &Path) -> Vec<u64> {
    let before = std::fs::read_to_string(path).unwrap_or_default();
    world.open(&world.olivia()).await.unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let new = records(text.strip_prefix(&before).unwrap().as_bytes());
    assert_eq!(reasons(&new), ["intent", "OK"], "{}", path.display());
    numbers(&new)
}

#[tokio::test]
async fn rotated_audit_file_is_reopened_before_the_next_session() {
    let world = World::start().await;
    let (path, other) = (world.path("audit.jsonl"), world.path("other.jsonl"));
    let mut numbers = opens_with_record_in(&world, &path).await;
    let first = std::fs::read(&path).unwrap();

    std::fs::rename(&path, world.path("audit.1")).unwrap();
    numbers.extend(opens_with_record_in(&world, &path).await);
    assert_eq!(std::fs::read(world.path("audit.1")).unwrap(), first, "entries were written to the renamed file");

    std::fs::rename(&path, world.path("audit.2")).unwrap();
    File::create_new(&path).unwrap();
    numbers.extend(opens_with_record_in(&world, &path).await);

    std::fs::remove_file(&path).unwrap();
    numbers.extend(opens_with_record_in(&world, &path).await);

    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&other, &path).unwrap();
    numbers.extend(opens_with_record_in(&world, &other).await);

    // Copy and truncate: the file stays the same one.
    File::create(&other).unwrap();
    numbers.extend(opens_with_record_in(&world, &other).await);
    assert!(std::fs::read(&other).unwrap().starts_with(b"{"), "the truncated part was filled with zeros");
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
}

#[tokio::test]
async fn audit_file_that_cannot_be_reopened_opens_no_session() {
    let folder = tempfile::tempdir().unwrap();
    let parent = folder.path().join("logs");
    std::fs::create_dir(&parent).unwrap();
    let path = parent.join("audit.jsonl");
    let world = World::with(&[&format!("--audit=file:{}", path.display())]).await;
    let is_refused = async || {
        assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "AUDIT_UNAVAILABLE");
        let member = world.issuer.token("olivia", "acme", "member");
        assert_eq!(world.open(&member).await.unwrap_err().reason, "NOT_OWNER", "a refusal keeps its reason");
        assert!(world.stripe.requests().is_empty());
    };
    std::fs::remove_dir_all(&parent).unwrap();
    is_refused().await;

    std::fs::create_dir_all(&path).unwrap();
    is_refused().await;

    std::fs::remove_dir(&path).unwrap();
    create_pipe(&path);
    let started = Instant::now();
    is_refused().await;
    assert!(started.elapsed() < Duration::from_secs(2), "the writer waits for a reader of the pipe");

    std::fs::remove_file(&path).unwrap();
    // Three times, an intent and two outcomes could not be written.
    assert_eq!(opens_with_record_in(&world, &path).await, [10, 11]);
}

#[tokio::test]
async fn deleted_standard_output_opens_no_session() {
    let mut world = World::start().await;
    let path = world.path("stdout");
    let Serving { mut child, .. } = serve_world(&mut world, File::create(&path).unwrap()).await;
    assert_eq!(opens_with_record_in(&world, &path).await, [1, 2]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "AUDIT_UNAVAILABLE");
    signal(&child, "-TERM");
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}
