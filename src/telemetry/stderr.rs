//! Log lines, written to standard error by a thread of their own: a reader that has stopped must not stop the threads that
//! log, which also serve calls and end the process.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use crate::pipe;

/// The maximum number of lines that wait for the thread. Further lines are lost, and counted.
const QUEUE_CAPACITY: usize = 4_096;

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
    lost: Arc<AtomicU64>,
}

impl LogWriter {
    /// Starts the thread.
    pub(super) fn start() -> Self {
        let (jobs, queue) = sync_channel(QUEUE_CAPACITY);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        // Without the thread, lines are written directly.
        drop(thread::Builder::new().name("log".to_owned()).spawn(move || write_lines(&queue, &counted)));
        Self { jobs, lost }
    }
}

impl io::Write for LogWriter {
    /// Takes one line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.jobs.try_send(Job::Write(line.to_vec())) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => drop(self.lost.fetch_add(1, Ordering::Relaxed)),
            Err(TrySendError::Disconnected(_)) => write_line(line),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_lines(queue: &Receiver<Job>, lost: &AtomicU64) {
    while let Ok(job) = queue.recv() {
        let mut next = Some(job);
        while let Some(job) = next {
            match job {
                Job::Write(line) => write_line(&line),
                Job::Flush(done) => drop(done.try_send(())),
            }
            next = queue.try_recv().ok();
        }
        // The queue is empty, so this line has a place in it.
        let lines = lost.swap(0, Ordering::Relaxed);
        if lines > 0 {
            tracing::warn!(lines, "log lines lost: standard error did not accept them");
        }
    }
}

/// Nothing can be done about an error: it could only be logged.
fn write_line(mut line: &[u8]) {
    drop(pipe::write_all(&mut io::stderr().lock(), &mut line));
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
