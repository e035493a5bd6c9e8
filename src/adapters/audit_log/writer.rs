//! The loop of the thread that writes the entries.
//!
//! Group commit: the entries that wait are written together, and one flush makes all of them durable. While a disk flushes, the
//! entries of other calls gather for the next flush, so calls share a slow disk.

use std::{
    io,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{Entry, Job, Reopened, Written, output::Output};

/// The longest time between writing an entry that is not durable and flushing it to disk.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// The shortest time between two writes to a file. An entry is written at once if none was written before it for this long;
/// otherwise, it waits for the entries of other calls, which are written with it.
const WRITE_INTERVAL: Duration = Duration::from_micros(500);

/// The maximum number of entries that are written together, and of durable ones that share a flush.
const MAX_GROUP: usize = 256;

/// Writes entries, and flushes them to disk.
pub(super) struct Writer {
    output: Output,
    /// The durable entries that are written but not flushed. Their calls wait.
    group: Vec<oneshot::Sender<Written>>,
    /// When the first entry was written that is not flushed and for which no call waits.
    unflushed_since: Option<Instant>,
    /// When entries were last written.
    gathered: Instant,
}

impl Writer {
    pub(super) fn new(output: Output) -> Self {
        Self { output, group: Vec::new(), unflushed_since: None, gathered: Instant::now() }
    }

    /// Writes the entries until the queue is closed. A durable entry is on disk before its call continues; the others
    /// are flushed within [`FLUSH_INTERVAL`].
    pub(super) fn run(&mut self, queue: &mpsc::Receiver<Job>) {
        loop {
            match self.next_job(queue) {
                Ok(Job::Append(first)) => {
                    let (entries, next) = self.gather(first, queue);
                    self.append(entries);
                    if let Some(done) = next {
                        self.reopen(done);
                    }
                }
                Ok(Job::Reopen(done)) => self.reopen(done),
                Err(error) => {
                    self.flush();
                    if error == mpsc::RecvTimeoutError::Disconnected {
                        return;
                    }
                }
            }
        }
    }

    /// Returns the next job, waits for it if nothing is to be flushed, or returns a timeout when it is time to flush.
    fn next_job(&self, queue: &mpsc::Receiver<Job>) -> Result<Job, mpsc::RecvTimeoutError> {
        let is_full = self.group.len() >= self.max_group();
        let left = self.unflushed_since.map(|since| FLUSH_INTERVAL.saturating_sub(since.elapsed()));
        // Without this, a steady stream of entries would postpone the flush forever.
        if is_full || left == Some(Duration::ZERO) {
            return Err(mpsc::RecvTimeoutError::Timeout);
        }
        match left {
            _ if !self.group.is_empty() => queue.try_recv().map_err(|error| match error {
                mpsc::TryRecvError::Empty => mpsc::RecvTimeoutError::Timeout,
                mpsc::TryRecvError::Disconnected => mpsc::RecvTimeoutError::Disconnected,
            }),
            Some(left) => queue.recv_timeout(left),
            None => queue.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
        }
    }

    /// Returns the entries that can be written together with the first, and the request to open the file again that follows them,
    /// if any.
    fn gather(&mut self, first: Entry, queue: &mpsc::Receiver<Job>) -> (Vec<Entry>, Option<Reopened>) {
        let mut entries = vec![first];
        if self.max_group() > 1 {
            thread::sleep(WRITE_INTERVAL.saturating_sub(self.gathered.elapsed()));
            self.gathered = Instant::now();
        }
        while entries.len() < self.max_group() - self.group.len() {
            match queue.try_recv() {
                Ok(Job::Append(entry)) => entries.push(entry),
                Ok(Job::Reopen(done)) => return (entries, Some(done)),
                Err(_) => break,
            }
        }
        (entries, None)
    }

    /// One for a pipe, whose reader could make the calls of all entries wait, and whose writes are atomic only if they are short.
    fn max_group(&self) -> usize {
        if self.output.can_stall() { 1 } else { MAX_GROUP }
    }

    fn append(&mut self, mut entries: Vec<Entry>) {
        // The call was cancelled or has stopped waiting, so the step that the entry must precede does not happen.
        entries.retain(|entry| !entry.durable || !entry.done.is_closed());
        let lines: Vec<u8> = entries.iter().flat_map(|entry| entry.json.iter().copied()).collect();
        let outcome = self.write(&lines).map_err(Arc::new);
        for Entry { durable, done, .. } in entries {
            if durable && outcome.is_ok() {
                self.group.push(done);
            } else {
                self.unflushed_since.get_or_insert_with(Instant::now);
                // The receiver is closed if the call was cancelled or has stopped waiting.
                drop(done.send(outcome.clone()));
            }
        }
    }

    fn reopen(&mut self, done: Reopened) {
        self.flush();
        // The receiver is closed if its signal has stopped waiting.
        drop(done.send(self.output.reopen()));
    }

    /// Writes lines to the file that the path names now.
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.output.has_moved().map_err(io::Error::other)? {
            // The result of this flush belongs to the entries in the old file.
            self.flush();
            self.output.reopen().map_err(io::Error::other)?;
        }
        self.output.append(lines)
    }

    /// Flushes what is written, and lets the calls continue that wait for it.
    fn flush(&mut self) {
        let outcome = self.output.sync().map_err(Arc::new);
        if let (Err(error), Some(_)) = (&outcome, self.unflushed_since) {
            tracing::error!(%error, "audit entries cannot be flushed to disk");
        }
        self.unflushed_since = None;
        for done in self.group.drain(..) {
            drop(done.send(outcome.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
