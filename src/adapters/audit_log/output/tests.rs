use std::{fs::OpenOptions, io::Read as _, os::unix::fs::OpenOptionsExt as _, process::Command};

use rustix::fs::{Mode, OFlags};

use super::*;

#[test]
fn pipe_is_opened_without_waiting_and_written_with_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(matches!(Output::file(&path), Err(OpenError::NoReader)));

    let mut reader = OpenOptions::new();
    let mut reader = reader.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(&path).unwrap();
    rustix::fs::fcntl_setfl(&reader, OFlags::empty()).unwrap();
    let mut output = Output::file(&path).unwrap();
    // Larger than a pipe, so the writer must wait for the reader.
    let line = vec![b'x'; 1024 * 1024];
    let mut received = Vec::new();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            output.append(&line).1.unwrap();
            drop(output);
        });
        reader.read_to_end(&mut received).unwrap();
    });
    assert!(received == line, "{} bytes", received.len());
}

/// Returns an output whose next write fails, as on a full disk, after it wrote the beginning of a line.
fn torn(path: &Path, rest: &[u8]) -> Output {
    let mut output = Output::file(path).unwrap();
    output.append(b"begin").1.unwrap();
    output.rest = rest.to_vec();
    output
}

#[test]
fn only_the_line_whose_beginning_was_written_has_a_rest() {
    let lines = b"first\nsecond\nthird\n";
    for (written, rest) in [(0, ""), (3, "st\n"), (6, ""), (7, "econd\n"), (19, "")] {
        assert_eq!(rest_of_line(lines, &lines[written..]), rest.as_bytes(), "{written}");
    }
}

#[test]
fn rest_of_a_line_precedes_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let mut output = torn(&path, b"-end\n");
    output.append(b"next\n").1.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "begin-end\nnext\n");
}

#[test]
fn line_of_a_process_that_was_killed_is_ended_before_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    for (found, expected) in [("", "next\n"), ("whole\n", "whole\nnext\n"), ("whole\nbegin", "whole\nbegin\nnext\n")] {
        std::fs::write(&path, found).unwrap();
        let mut output = Output::file(&path).unwrap();
        output.append(b"next\n").1.unwrap();
        output.reopen().unwrap();
        output.append(b"last\n").1.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{expected}last\n"));
    }
}

#[test]
fn reopening_the_same_file_does_not_end_the_line_whose_rest_follows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let mut output = torn(&path, b"-end\n");
    output.reopen().unwrap();
    output.append(b"next\n").1.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "begin-end\nnext\n");
}

#[test]
fn rest_of_a_line_is_not_written_if_its_beginning_was_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let mut output = torn(&path, b"-end\n");
    File::create(&path).unwrap();
    output.append(b"next\n").1.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "next\n");
}

#[test]
fn rest_of_a_line_stays_with_its_beginning_when_the_file_was_renamed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("audit"), folder.path().join("audit.1"));
    let mut output = torn(&path, b"-end\n");
    std::fs::rename(&path, &old).unwrap();
    assert!(output.has_moved().unwrap());
    output.reopen().unwrap();
    assert!(!output.has_moved().unwrap());
    output.append(b"next\n").1.unwrap();
    assert_eq!(std::fs::read_to_string(&old).unwrap(), "begin-end\n");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "next\n");
}

#[test]
fn full_disk_keeps_nothing_of_a_line_that_was_not_begun() {
    // Every write to this device fails with ENOSPC.
    let mut output = Output::file(Path::new("/dev/full")).unwrap();
    assert!(output.append(b"line\n").1.is_err() && output.rest.is_empty());
    output.rest = b"rest\n".to_vec();
    assert!(output.append(b"line\n").1.is_err());
    assert_eq!(output.rest, b"rest\n");
}

#[test]
fn flush_that_the_system_refuses_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let mut output = Output::file(&path).unwrap();
    output.sync().unwrap();
    // A descriptor that only names the file cannot be flushed.
    output.file = rustix::fs::open(&path, OFlags::PATH, Mode::empty()).unwrap().into();
    output.sync().unwrap_err();
}
