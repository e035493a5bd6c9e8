use std::{os::fd::AsRawFd as _, path::Path};

use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;

/// Returns an entry, and the receiver of its result.
fn entry(text: &str, durable: bool) -> (Entry, oneshot::Receiver<Written>) {
    let (done, written) = oneshot::channel();
    (Entry { json: format!("{text}\n").into_bytes(), durable, done }, written)
}

fn writer() -> (TempDir, Writer) {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::new(Output::file(&folder.path().join("audit")).unwrap());
    (folder, writer)
}

fn content(folder: &TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).unwrap()
}

#[test]
fn entries_that_wait_are_written_and_flushed_together() {
    let (folder, mut writer) = writer();
    let (jobs, queue) = mpsc::sync_channel(MAX_GROUP + 3);
    let mut results = Vec::new();
    let (first, written) = entry("0", true);
    results.push(written);
    for number in 1..MAX_GROUP + 3 {
        let (entry, written) = entry(&number.to_string(), number % 2 == 1);
        jobs.send(Job::Append(entry)).unwrap();
        results.push(written);
    }
    let (entries, _) = writer.gather(first, &queue);
    assert_eq!(entries.len(), MAX_GROUP);
    assert!(results.iter_mut().all(|written| written.try_recv().is_err()));
    writer.append(entries);
    let written = results.iter_mut().filter_map(|written| written.try_recv().ok()).filter(Result::is_ok).count();
    assert_eq!(written, MAX_GROUP);
    assert!(writer.unflushed_since.is_none());
    let lines: Vec<_> = content(&folder, "audit").lines().map(|line| line.parse::<usize>().unwrap()).collect();
    assert_eq!(lines, (0..MAX_GROUP).collect::<Vec<_>>());
}

#[test]
fn request_to_reopen_ends_a_group() {
    let (_folder, mut writer) = writer();
    let (jobs, queue) = mpsc::sync_channel(2);
    jobs.send(Job::Reopen(oneshot::channel().0)).unwrap();
    jobs.send(Job::Append(entry("in the new file", true).0)).unwrap();
    let (entries, reopened) = writer.gather(entry("in the old file", true).0, &queue);
    assert!(entries.len() == 1 && reopened.is_some());
}

#[test]
fn only_lines_that_a_failed_write_did_not_complete_have_failed() {
    for (bytes, whole) in [(0, 0), (5, 0), (6, 1), (12, 1), (13, 2), (19, 3)] {
        assert_eq!(whole_lines(b"first\nsecond\nthird\n", bytes), whole, "{bytes}");
    }
}

#[test]
fn entry_does_not_wait_for_the_reader_of_the_next_one() {
    let (reader, pipe) = std::io::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let mut writer = Writer::new(Output::file(Path::new(&path)).unwrap());
    let (jobs, queue) = mpsc::sync_channel(1);
    jobs.send(Job::Append(entry("next", true).0)).unwrap();
    assert_eq!(writer.gather(entry("first", true).0, &queue).0.len(), 1);
    drop(reader);
}

#[test]
fn refusal_is_answered_before_the_flush() {
    let (_folder, mut writer) = writer();
    let (refusal, mut written) = entry("refusal", false);
    writer.append(vec![refusal]);
    assert!(written.try_recv().unwrap().is_ok() && writer.unflushed_since.is_some());
}

#[test]
fn entries_are_flushed_in_their_file_before_the_next_one_is_opened() {
    let (folder, mut writer) = writer();
    writer.append(vec![entry("first", false).0]);
    std::fs::rename(folder.path().join("audit"), folder.path().join("audit.1")).unwrap();
    writer.append(vec![entry("second", true).0]);
    assert!(writer.unflushed_since.is_none());
    assert_eq!((content(&folder, "audit.1"), content(&folder, "audit")), ("first\n".into(), "second\n".into()));
}

#[test]
fn closed_queue_is_written_to_its_end() {
    let (folder, mut writer) = writer();
    let (jobs, queue) = mpsc::sync_channel(3);
    let entries = [entry("a", true), entry("b", false), entry("c", true)];
    let mut results = Vec::new();
    for (entry, written) in entries {
        jobs.send(Job::Append(entry)).unwrap();
        results.push(written);
    }
    // The caller of this one has given up, so the step that it must precede does not happen.
    drop(results.pop());
    drop(jobs);
    writer.run(&queue);
    assert_eq!(content(&folder, "audit"), "a\nb\n");
    assert!(results.iter_mut().all(|written| written.try_recv().unwrap().is_ok()));
}
