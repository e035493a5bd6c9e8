//! The loop of the thread that writes the entries.
//!
//! Group commit: the entries that are waiting are written one after the other, and one flush makes all of them durable.
//! While a disk flushes, the entries of other calls gather for the next flush, so calls share a slow disk.

use std::{
    io,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{Entry, Job, Written, output::Output};

/// The longest time between writing an entry that is not durable and flushing it to disk.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// The maximum number of durable entries that share a flush. The first of them waits until the last is written.
const MAX_GROUP: usize = 256;

/// Writes entries, and flushes them to disk.
pub(super) struct Writer {
    output: Output,
    /// The durable entries that are written but not flushed. Their calls wait.
    group: Vec<oneshot::Sender<Written>>,
    /// When the first entry was written that is not flushed and for which no call waits.
    unflushed_since: Option<Instant>,
}

impl Writer {
    pub(super) const fn new(output: Output) -> Self {
        Self { output, group: Vec::new(), unflushed_since: None }
    }

    /// Writes the entries until the queue is closed. A durable entry is on disk before its call continues; the others
    /// are flushed within [`FLUSH_INTERVAL`].
    pub(super) fn run(&mut self, queue: &mpsc::Receiver<Job>) {
        loop {
            match self.next_job(queue) {
                // The call was cancelled or has stopped waiting, so the step that the entry must precede does not happen.
                Ok(Job::Append(Entry { durable: true, done, .. })) if done.is_closed() => {}
                Ok(Job::Append(entry)) => self.append(entry),
                Ok(Job::Reopen(done)) => {
                    self.flush();
                    // The receiver is closed if its signal has stopped waiting.
                    drop(done.send(self.output.reopen()));
                }
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
        let is_full = self.group.len() >= if self.output.can_stall() { 1 } else { MAX_GROUP };
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

    fn append(&mut self, entry: Entry) {
        match self.write(&entry.json) {
            Ok(()) if entry.durable => self.group.push(entry.done),
            outcome => {
                self.unflushed_since.get_or_insert_with(Instant::now);
                // The receiver is closed if the call was cancelled or has stopped waiting.
                drop(entry.done.send(outcome.map_err(Arc::new)));
            }
        }
    }

    /// Writes a line to the file that the path names now.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.output.has_moved().map_err(io::Error::other)? {
            // The result of this flush belongs to the entries in the old file.
            self.flush();
            self.output.reopen().map_err(io::Error::other)?;
        }
        self.output.append(line)
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
