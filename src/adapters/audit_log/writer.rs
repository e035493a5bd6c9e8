//! The loop of the thread that writes the entries.
//!
//! Group commit: the entries that wait are written together, and one flush makes all of them durable. While a disk flushes, the
//! entries of other calls gather for the next flush, so calls share a slow disk.

use std::{
    io::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use super::{Entry, Job, OpenError, Reopened, Written, output::Output};

/// The longest time between writing an entry that is not durable and flushing it to disk.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// The shortest time between two writes to a file. An entry is written at once if none was written before it for this long;
/// otherwise, it waits for the entries of other calls, which are written with it.
const WRITE_INTERVAL: Duration = Duration::from_micros(500);

/// The maximum number of entries that are written together and share a flush.
const MAX_GROUP: usize = 256;

/// The maximum length of the members that number an entry.
const MAX_NUMBER_BYTES: usize = 64;

/// Writes entries, and flushes them to disk.
pub(super) struct Writer {
    output: Output,
    /// Random, so that the entries of different processes, and of one before and after a restart, can be distinguished.
    id: u64,
    /// The number of the last entry. An entry that cannot be written has a number as well, so that it leaves a gap.
    sequence: u64,
    /// Entries that were lost before they reached the writer. They leave a gap as well.
    lost: Arc<AtomicU64>,
    /// When the first entry was written that is not flushed and for which no call waits.
    unflushed_since: Option<Instant>,
    /// When entries were last written.
    written: Instant,
}

impl Writer {
    pub(super) fn new(output: Output, lost: Arc<AtomicU64>) -> Self {
        Self { output, id: rand::random(), sequence: 0, lost, unflushed_since: None, written: Instant::now() }
    }

    /// Writes the entries until the queue is closed. A durable entry is on disk before its call continues; the others
    /// are flushed within [`FLUSH_INTERVAL`].
    pub(super) fn run(&mut self, queue: &mpsc::Receiver<Job>) {
        loop {
            match self.next_job(queue) {
                Ok(Job::Append(first)) => {
                    let (entries, reopened) = self.gather(first, queue);
                    self.append(entries);
                    if let Some(done) = reopened {
                        self.reopen(done);
                    }
                }
                Ok(Job::Reopen(done)) => self.reopen(done),
                Err(error) => {
                    drop(self.flush());
                    if error == mpsc::RecvTimeoutError::Disconnected {
                        return;
                    }
                }
            }
        }
    }

    /// Returns the next job, or a timeout when it is time to flush.
    fn next_job(&self, queue: &mpsc::Receiver<Job>) -> Result<Job, mpsc::RecvTimeoutError> {
        match self.unflushed_since.map(|since| FLUSH_INTERVAL.saturating_sub(since.elapsed())) {
            // Without this, a steady stream of entries would postpone the flush forever.
            Some(Duration::ZERO) => Err(mpsc::RecvTimeoutError::Timeout),
            Some(left) => queue.recv_timeout(left),
            None => queue.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
        }
    }

    /// Returns the entries that are written together with the first, and the request to open the file again that follows
    /// them, if any.
    fn gather(&mut self, first: Entry, queue: &mpsc::Receiver<Job>) -> (Vec<Entry>, Option<Reopened>) {
        let mut entries = vec![first];
        // A pipe's reader could make the calls of all entries wait, and its writes are atomic only if they are short.
        if self.output.can_stall() {
            return (entries, None);
        }
        thread::sleep(WRITE_INTERVAL.saturating_sub(self.written.elapsed()));
        while entries.len() < MAX_GROUP {
            match queue.try_recv() {
                Ok(Job::Append(entry)) => entries.push(entry),
                Ok(Job::Reopen(done)) => return (entries, Some(done)),
                Err(_) => break,
            }
        }
        (entries, None)
    }

    /// Writes entries, flushes if one of them is durable, and lets their calls continue.
    fn append(&mut self, mut entries: Vec<Entry>) {
        // The call was cancelled or has stopped waiting, so the step that the entry must precede does not happen.
        entries.retain(|entry| !entry.durable || !entry.done.is_closed());
        let lines = self.number(&entries);
        let (bytes, outcome) = self.write(&lines);
        let outcome = outcome.map_err(Arc::new);
        self.written = Instant::now();
        // If the write failed in the middle, the entries before that are in the file.
        let whole = whole_lines(&lines, bytes);
        let mut durable = Vec::new();
        for (place, entry) in entries.into_iter().enumerate() {
            let outcome = if place < whole { Ok(()) } else { outcome.clone() };
            if entry.durable && outcome.is_ok() {
                durable.push(entry.done);
            } else {
                self.unflushed_since.get_or_insert_with(Instant::now);
                // The receiver is closed if the call was cancelled or has stopped waiting.
                drop(entry.done.send(outcome));
            }
        }
        if !durable.is_empty() {
            let outcome = self.flush();
            for done in durable {
                drop(done.send(outcome.clone()));
            }
        }
    }

    /// Returns the lines of entries, each with the next number. The order of the lines is that of the numbers.
    fn number(&mut self, entries: &[Entry]) -> Vec<u8> {
        self.sequence += self.lost.swap(0, Ordering::Relaxed);
        let mut lines = Vec::with_capacity(entries.iter().map(|entry| entry.json.len() + MAX_NUMBER_BYTES).sum());
        for entry in entries {
            self.sequence += 1;
            // A vector can always be written to. The JSON is an object with members.
            drop(write!(lines, r#"{{"writer":"{:016x}","sequence":{},"#, self.id, self.sequence));
            lines.extend_from_slice(entry.json.strip_prefix(b"{").unwrap_or(&entry.json));
        }
        lines
    }

    fn reopen(&mut self, done: Reopened) {
        drop(self.flush());
        // The receiver is closed if its signal has stopped waiting.
        drop(done.send(self.output.reopen()));
    }

    /// Writes lines to the file that the path names now. Returns how many bytes were written.
    fn write(&mut self, lines: &[u8]) -> (usize, io::Result<()>) {
        match self.follow() {
            Ok(()) => self.output.append(lines),
            Err(error) => (0, Err(io::Error::other(error))),
        }
    }

    /// Opens the path again if it names another file.
    fn follow(&mut self) -> Result<(), OpenError> {
        if self.output.has_moved()? {
            drop(self.flush());
            self.output.reopen()?;
        }
        Ok(())
    }

    /// Flushes what is written.
    fn flush(&mut self) -> Written {
        let outcome = self.output.sync().map_err(Arc::new);
        if let (Err(error), Some(_)) = (&outcome, self.unflushed_since) {
            tracing::error!(%error, "audit entries cannot be flushed to disk");
        }
        self.unflushed_since = None;
        outcome
    }
}

/// Returns how many lines are whole in the first bytes of several.
fn whole_lines(lines: &[u8], bytes: usize) -> usize {
    lines.iter().take(bytes).filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests;
