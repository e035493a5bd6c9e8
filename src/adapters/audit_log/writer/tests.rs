use std::{os::fd::AsRawFd as _, path::Path};

use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;

/// Returns an entry, and the receiver of its result.
fn entry(text: &str, durable: bool) -> (Entry, oneshot::Receiver<Written>) {
    let (done, written) = oneshot::channel();
    (Entry { json: format!("{{\"text\":\"{text}\"}}\n").into_bytes(), durable, done }, written)
}

fn writer() -> (TempDir, Writer) {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::new(Output::file(&folder.path().join("audit")).unwrap(), Arc::default());
    (folder, writer)
}

/// Returns the numbers and the texts in a file.
fn numbered(folder: &TempDir, name: &str) -> Vec<(u64, String)> {
    let lines = std::fs::read_to_string(folder.path().join(name)).unwrap();
    let entries = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    entries.map(|entry| (entry["sequence"].as_u64().unwrap(), entry["text"].as_str().unwrap().to_owned())).collect()
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
    let expected: Vec<_> = (0..MAX_GROUP).map(|number| (number as u64 + 1, number.to_string())).collect();
    assert_eq!(numbered(&folder, "audit"), expected);
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
    let mut writer = Writer::new(Output::file(Path::new(&path)).unwrap(), Arc::default());
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
    assert_eq!(
        (numbered(&folder, "audit.1"), numbered(&folder, "audit")),
        ([(1, "first".into())].into(), [(2, "second".into())].into())
    );
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
    assert_eq!(numbered(&folder, "audit"), [(1, "a".into()), (2, "b".into())]);
    assert!(results.iter_mut().all(|written| written.try_recv().unwrap().is_ok()));
}

#[test]
fn number_of_an_entry_that_cannot_be_written_or_was_lost_is_missing() {
    let (folder, mut writer) = writer();
    let path = folder.path().join("audit");
    writer.append(vec![entry("a", false).0]);
    // The path cannot be opened, so neither of both entries can be written.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let (refused, mut written) = entry("b", false);
    writer.append(vec![refused, entry("c", false).0]);
    assert!(written.try_recv().unwrap().is_err());
    std::fs::remove_dir(&path).unwrap();
    writer.append(vec![entry("d", false).0]);
    writer.lost.fetch_add(3, Ordering::Relaxed);
    writer.append(vec![entry("e", false).0]);
    // Its call has given up, so nothing is missing without it.
    let (intent, given_up) = entry("f", true);
    drop(given_up);
    writer.append(vec![intent]);
    assert_eq!(numbered(&folder, "audit"), [(4, "d".into()), (8, "e".into())]);
    // Copied and truncated.
    std::fs::File::create(&path).unwrap();
    writer.append(vec![entry("h", false).0]);
    assert_eq!(numbered(&folder, "audit"), [(9, "h".into())]);
}

#[test]
fn line_has_its_writer_and_its_number_before_its_other_members() {
    let (folder, mut first) = writer();
    let mut second = Writer::new(Output::file(&folder.path().join("audit")).unwrap(), Arc::default());
    first.append(vec![entry("x", false).0]);
    second.append(vec![entry("x", false).0]);
    first.append(vec![entry("x", false).0]);
    let lines = std::fs::read_to_string(folder.path().join("audit")).unwrap();
    let line = |writer: &Writer, number: u64| {
        format!("{{\"writer\":\"{:016x}\",\"sequence\":{number},\"text\":\"x\"}}\n", writer.id)
    };
    assert_eq!(lines, [line(&first, 1), line(&second, 1), line(&first, 2)].concat());
    assert_ne!(first.id, second.id);
}
