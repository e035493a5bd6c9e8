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
    time::{Duration, Instant},
};

use crate::pipe;

/// The maximum number of lines that wait for the thread. Further lines are lost, and counted.
const QUEUE_CAPACITY: usize = 4_096;

/// The maximum number of bytes in these lines.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// The shortest time between two times at which the thread writes. A line is written at once if none was written before it for
/// this long; otherwise, it waits for others, so that the thread is not woken for each.
const WRITE_INTERVAL: Duration = Duration::from_millis(5);

/// The longest write to a pipe that the writes of others cannot tear, in bytes (`PIPE_BUF` of Linux).
const ATOMIC_BYTES: usize = 4_096;

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
    let mut written = None;
    while let Ok(first) = queue.recv() {
        thread::sleep(written.map_or(Duration::ZERO, |last: Instant| WRITE_INTERVAL.saturating_sub(last.elapsed())));
        written = Some(Instant::now());
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Write(line) => next = write_with_others(file, line, queue, counts),
                Job::Flush(done) => {
                    let _ = done.try_send(());
                    next = queue.try_recv().ok();
                }
            }
        }
        // The queue is empty, so this line has a place in it.
        let lines = counts.lost.swap(0, Ordering::Relaxed);
        if lines > 0 {
            tracing::warn!(lines, "log lines lost: standard error did not accept them");
        }
    }
}

/// Writes a line together with those that wait, as long as they fit into one write. Returns the job that follows them.
fn write_with_others(file: &mut File, line: Vec<u8>, queue: &Receiver<Job>, counts: &Counts) -> Option<Job> {
    let mut lines = line;
    let next = loop {
        match queue.try_recv().ok() {
            Some(Job::Write(line)) if lines.len() + line.len() <= ATOMIC_BYTES => lines.extend_from_slice(&line),
            next => break next,
        }
    };
    drop(pipe::write_all(file, &mut lines.as_slice()));
    counts.waiting.fetch_sub(lines.len(), Ordering::Relaxed);
    next
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
    use std::io::{BufRead as _, BufReader, Write as _};

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

    #[test]
    fn each_write_has_whole_lines_that_nothing_tears() {
        let (reader, pipe) = io::pipe().unwrap();
        let mut file = File::from(std::os::fd::OwnedFd::from(pipe));
        let (jobs, queue) = sync_channel(QUEUE_CAPACITY);
        let counts = Counts::default();
        let lines: Vec<Vec<u8>> = (0..30).map(|number| format!("{number:0>399}\n").into_bytes()).collect();
        for line in lines.iter().skip(1) {
            jobs.send(Job::Write(line.clone())).unwrap();
        }
        jobs.send(Job::Flush(sync_channel(1).0)).unwrap();
        let mut next = write_with_others(&mut file, lines[0].clone(), &queue, &counts);
        // Ten lines of 400 bytes fit into one write.
        assert!(matches!(&next, Some(Job::Write(line)) if *line == lines[10]));
        while let Some(Job::Write(line)) = next {
            next = write_with_others(&mut file, line, &queue, &counts);
        }
        assert!(matches!(next, Some(Job::Flush(_))));
        drop(file);
        let read: Vec<_> =
            BufReader::new(reader).lines().map(|line| format!("{}\n", line.unwrap()).into_bytes()).collect();
        assert_eq!(read, lines);
    }

    #[test]
    fn every_lost_line_is_counted_once_the_reader_continues() {
        let (reader, pipe) = io::pipe().unwrap();
        let mut file = File::from(std::os::fd::OwnedFd::from(pipe));
        let (jobs, queue) = sync_channel(QUEUE_CAPACITY);
        let counts = Arc::new(Counts::default());
        let mut log = LogWriter { jobs, counts: Arc::clone(&counts) };
        let counted = Arc::clone(&counts);
        let thread = thread::spawn(move || write_lines(&mut file, &queue, &counted));
        // More than the pipe and the queue can have. The reader has stopped.
        for _ in 0..QUEUE_CAPACITY + 2_000 {
            log.write_all(format!("{:99}\n", "").as_bytes()).unwrap();
        }
        assert!(counts.lost.load(Ordering::Relaxed) > 0);
        let reading = thread::spawn(move || BufReader::new(reader).lines().count());
        drop(log);
        thread.join().unwrap();
        assert!(reading.join().unwrap() >= QUEUE_CAPACITY);
        assert_eq!(counts.lost.load(Ordering::Relaxed), 0, "reported");
        assert_eq!(counts.waiting.load(Ordering::Relaxed), 0);
    }
}
