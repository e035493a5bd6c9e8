use std::{os::fd::AsRawFd as _, path::Path};

use tempfile::TempDir;

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
fn durable_entries_that_wait_together_share_a_flush() {
    let (folder, mut writer) = writer();
    let (jobs, queue) = mpsc::sync_channel(2);
    let ((first, mut first_written), (second, mut second_written)) = (entry("first", true), entry("second", true));
    jobs.send(Job::Append(second)).unwrap();
    writer.append(vec![first]);
    let Ok(Job::Append(second)) = writer.next_job(&queue) else { panic!("expected the entry that waits") };
    writer.append(vec![second]);
    assert!(matches!(writer.next_job(&queue), Err(mpsc::RecvTimeoutError::Timeout)), "nothing else waits");
    assert_eq!(content(&folder, "audit"), "first\nsecond\n");
    assert!(first_written.try_recv().is_err() && second_written.try_recv().is_err(), "not flushed yet");
    writer.flush();
    assert!(first_written.try_recv().unwrap().is_ok() && second_written.try_recv().unwrap().is_ok());
}

#[test]
fn group_is_limited() {
    let (_folder, mut writer) = writer();
    let (jobs, queue) = mpsc::sync_channel(1);
    for number in 0..MAX_GROUP {
        writer.append(vec![entry(&number.to_string(), true).0]);
    }
    jobs.send(Job::Append(entry("next", true).0)).unwrap();
    assert!(matches!(writer.next_job(&queue), Err(mpsc::RecvTimeoutError::Timeout)));
    writer.flush();
    assert!(writer.next_job(&queue).is_ok());
}

#[test]
fn entry_does_not_wait_for_the_reader_of_the_next_one() {
    let (reader, pipe) = std::io::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let mut writer = Writer::new(Output::file(Path::new(&path)).unwrap());
    let (jobs, queue) = mpsc::sync_channel(1);
    jobs.send(Job::Append(entry("next", true).0)).unwrap();
    writer.append(vec![entry("first", true).0]);
    assert!(matches!(writer.next_job(&queue), Err(mpsc::RecvTimeoutError::Timeout)));
    drop(reader);
}

#[test]
fn refusal_is_answered_before_the_flush() {
    let (_folder, mut writer) = writer();
    let (refusal, mut written) = entry("refusal", false);
    writer.append(vec![refusal]);
    assert!(written.try_recv().unwrap().is_ok());
}

#[test]
fn group_is_flushed_in_its_file_before_the_next_one_is_opened() {
    let (folder, mut writer) = writer();
    let (first, mut first_written) = entry("first", true);
    writer.append(vec![first]);
    std::fs::rename(folder.path().join("audit"), folder.path().join("audit.1")).unwrap();
    let (second, mut second_written) = entry("second", true);
    writer.append(vec![second]);
    assert!(first_written.try_recv().unwrap().is_ok());
    assert!(second_written.try_recv().is_err());
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
