//! Log lines, written to standard error by a thread of their own: a reader that has stopped must not stop the threads that
//! log, which also serve calls and end the process.

use std::{
    fs::File,
    io,
    os::fd::AsFd as _,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use crate::pipe;

/// The maximum number of lines that wait for the thread. Further lines are lost, and counted.
const QUEUE_CAPACITY: usize = 4_096;

/// The maximum number of bytes in these lines.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// The thread waits this long after the first of several lines, so that it writes them together, and is not woken for each.
const GATHER: Duration = Duration::from_millis(5);

/// How long the end of the process waits for the last lines.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// What the thread is asked to do.
enum Job {
    Write(Vec<u8>),
    /// Report that every line before this job is written.
    Flush(SyncSender<()>),
}

/// Takes log lines for the thread, and never waits.
#[derive(Clone)]
pub(super) struct LogWriter {
    jobs: SyncSender<Job>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    /// The bytes of the lines that wait.
    waiting: AtomicUsize,
    /// The lines that are lost since the last report.
    lost: AtomicU64,
}

impl LogWriter {
    /// Starts the thread. It writes to a descriptor of its own, because the lock of the standard library's would keep others
    /// from printing while it waits.
    pub(super) fn start() -> Self {
        let (jobs, queue) = sync_channel(QUEUE_CAPACITY);
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        // Without the thread, lines are written directly.
        if let Ok(descriptor) = io::stderr().as_fd().try_clone_to_owned() {
            let mut file = File::from(descriptor);
            let write = move || write_lines(&mut file, &queue, &counted);
            drop(thread::Builder::new().name("log".to_owned()).spawn(write));
        }
        Self { jobs, counts }
    }
}

impl io::Write for LogWriter {
    /// Takes one line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let Counts { waiting, lost } = &*self.counts;
        let job = Job::Write(line.to_vec());
        let is_full = waiting.fetch_add(line.len(), Ordering::Relaxed) >= QUEUE_BYTES;
        match if is_full { Err(TrySendError::Full(job)) } else { self.jobs.try_send(job) } {
            Ok(()) => return Ok(line.len()),
            Err(TrySendError::Full(_)) => drop(lost.fetch_add(1, Ordering::Relaxed)),
            Err(TrySendError::Disconnected(_)) => drop(io::stderr().write_all(line)),
        }
        waiting.fetch_sub(line.len(), Ordering::Relaxed);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An error of the file is ignored: it could only be logged.
fn write_lines(file: &mut File, queue: &Receiver<Job>, counts: &Counts) {
    while let Ok(first) = queue.recv() {
        thread::sleep(GATHER);
        let (mut lines, mut flushed) = (Vec::new(), Vec::new());
        for job in std::iter::once(first).chain(queue.try_iter().take(QUEUE_CAPACITY)) {
            match job {
                Job::Write(line) => lines.extend_from_slice(&line),
                Job::Flush(done) => flushed.push(done),
            }
        }
        drop(pipe::write_all(file, &mut lines.as_slice()));
        counts.waiting.fetch_sub(lines.len(), Ordering::Relaxed);
        for done in flushed {
            let _ = done.try_send(());
        }
        // The queue is empty, so this line has a place in it.
        let lines = counts.lost.swap(0, Ordering::Relaxed);
        if lines > 0 {
            tracing::warn!(lines, "log lines lost: standard error did not accept them");
        }
    }
}

/// Waits for a limited time, when it is dropped, until the last lines are written.
pub(super) struct FlushOnDrop(pub(super) LogWriter);

impl Drop for FlushOnDrop {
    fn drop(&mut self) {
        let (done, flushed) = sync_channel(1);
        if self.0.jobs.try_send(Job::Flush(done)).is_ok() {
            let _ = flushed.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn lines_that_wait_are_limited_by_their_size() {
        let (jobs, queue) = sync_channel(QUEUE_CAPACITY);
        let mut log = LogWriter { jobs, counts: Arc::default() };
        for _ in 0..6 {
            log.write_all(&vec![b'x'; QUEUE_BYTES / 4]).unwrap();
        }
        assert_eq!((queue.try_iter().count(), log.counts.lost.load(Ordering::Relaxed)), (4, 2));
    }
}
