//! The audit log: JSON lines to standard output or to a file, written by one thread that owns the file.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::fd::AsFd as _,
    path::Path,
    sync::{Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::portal::{AuditLog, Line, Reason, Refusal};

/// How long a refusal's line may stay out of the disk's reach.
const BATCH: Duration = Duration::from_secs(1);

/// A line on its way to the writer, and where the outcome of writing it goes.
struct Job {
    json: Vec<u8>,
    durable: bool,
    done: oneshot::Sender<io::Result<()>>,
}

/// The log's handle. Dropping it writes out what is left.
pub struct LineLog {
    /// Taken when the log is dropped, which ends the writer.
    jobs: Option<mpsc::Sender<Job>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl LineLog {
    /// Appends to a file, which is created when it isn't there.
    ///
    /// # Errors
    /// When the file can't be opened, or no thread can be had.
    pub fn to_file(path: &Path) -> io::Result<Self> {
        Self::start(OpenOptions::new().create(true).append(true).open(path)?)
    }

    /// Writes to standard output.
    ///
    /// # Errors
    /// When standard output is closed, or no thread can be had.
    pub fn to_stdout() -> io::Result<Self> {
        Self::start(File::from(io::stdout().as_fd().try_clone_to_owned()?))
    }

    fn start(file: File) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let writer = std::thread::Builder::new().name("audit".to_owned()).spawn(move || write_all(&file, &queue))?;
        Ok(Self { jobs: Some(jobs), writer: Mutex::new(Some(writer)) })
    }
}

#[async_trait]
impl AuditLog for LineLog {
    async fn append(&self, line: Line, durable: bool) -> Result<(), Refusal> {
        let unavailable = || Refusal::because(Reason::AuditUnavailable, "the audit line can't be written");
        let mut json = serde_json::to_vec(&line).map_err(|error| unavailable().caused_by(error))?;
        json.push(b'\n');
        let (done, written) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(unavailable)?;
        jobs.send(Job { json, durable, done }).map_err(|_| unavailable())?;
        match written.await {
            Ok(outcome) => outcome.map_err(|error| unavailable().caused_by(error)),
            Err(_) => Err(unavailable()),
        }
    }
}

/// Writes each line with one call, so that lines of processes that share a file don't mix. A durable line is on the disk
/// before its call goes on; the others follow within [`BATCH`].
fn write_all(mut file: &File, queue: &mpsc::Receiver<Job>) {
    let mut unsynced_since: Option<Instant> = None;
    // A line that was cut short by an error is ended, so that it spoils no other.
    let mut torn = false;
    loop {
        let job = match unsynced_since {
            None => queue.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            Some(since) => queue.recv_timeout(BATCH.saturating_sub(since.elapsed())),
        };
        match job {
            Ok(Job { mut json, durable, done }) => {
                if torn {
                    json.insert(0, b'\n');
                }
                let written = file.write_all(&json);
                torn = written.is_err();
                let outcome = written.and_then(|()| if durable { sync(file) } else { Ok(()) });
                unsynced_since = match (&outcome, durable) {
                    (Ok(()), true) => None,
                    _ => unsynced_since.or_else(|| Some(Instant::now())),
                };
                // A call that was cut off no longer waits for its line.
                drop(done.send(outcome));
            }
            Err(ended) => {
                if let Err(error) = sync(file) {
                    tracing::error!(%error, "audit lines can't be flushed to disk");
                }
                unsynced_since = None;
                if ended == mpsc::RecvTimeoutError::Disconnected {
                    return;
                }
            }
        }
    }
}

/// A pipe or a terminal has nothing to flush to disk, and says so with EINVAL (or EROFS on some).
fn sync(file: &File) -> io::Result<()> {
    match file.sync_data() {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        outcome => outcome,
    }
}

impl Drop for LineLog {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(writer.join());
        }
    }
}

impl std::fmt::Debug for LineLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LineLog")
    }
}
