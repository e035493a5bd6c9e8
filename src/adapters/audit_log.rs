//! The audit log: JSON lines to standard output or to a file, written by one thread that owns the file.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::fd::AsFd as _,
    path::Path,
    sync::{Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::{sync::oneshot, time::timeout};

use crate::portal::{AuditEntry, AuditLog, Reason, Refusal};

/// How long a refusal's line may stay out of the disk's reach.
const BATCH: Duration = Duration::from_secs(1);

/// How long a call waits for its line, and a drain for the last lines; a reader that has stopped reading holds nothing up.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many lines may wait for the writer.
const QUEUE: usize = 4_096;

/// A line on its way to the writer, and where the outcome of writing it goes.
struct Job {
    json: Vec<u8>,
    durable: bool,
    done: oneshot::Sender<io::Result<()>>,
}

/// The log's handle. Dropping it writes out what is left, as far as that goes in time.
pub struct JsonAuditLog {
    /// Taken when the log is dropped, which ends the writer.
    jobs: Option<mpsc::SyncSender<Job>>,
    /// Closed by the writer's end.
    ended: Mutex<mpsc::Receiver<()>>,
}

impl JsonAuditLog {
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
        let (jobs, queue) = mpsc::sync_channel(QUEUE);
        let (end, ended) = mpsc::channel();
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || {
            write_all(&file, &queue);
            drop(end);
        })?;
        Ok(Self { jobs: Some(jobs), ended: Mutex::new(ended) })
    }
}

#[async_trait]
impl AuditLog for JsonAuditLog {
    async fn append(&self, line: AuditEntry, durable: bool) -> Result<(), Refusal> {
        let unavailable = || Refusal::because(Reason::AuditUnavailable, "the audit line can't be written");
        let mut json = serde_json::to_vec(&line).map_err(|error| unavailable().caused_by(error))?;
        json.push(b'\n');
        let (done, written) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(unavailable)?;
        jobs.try_send(Job { json, durable, done }).map_err(|_| unavailable())?;
        match timeout(PATIENCE, written).await {
            Ok(Ok(outcome)) => outcome.map_err(|error| unavailable().caused_by(error)),
            Ok(Err(_)) | Err(_) => Err(unavailable()),
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
        let job = match unsynced_since.map(|since| BATCH.saturating_sub(since.elapsed())) {
            None => queue.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            // Before the next line, or a flood would put the flush off for ever.
            Some(Duration::ZERO) => Err(mpsc::RecvTimeoutError::Timeout),
            Some(left) => queue.recv_timeout(left),
        };
        match job {
            // Nobody waits for it any more, so what it says will not happen.
            Ok(Job { durable: true, done, .. }) if done.is_closed() => {}
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

impl Drop for JsonAuditLog {
    fn drop(&mut self) {
        self.jobs = None;
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::error!("the audit log takes no more lines; the last ones are lost");
        }
    }
}

impl std::fmt::Debug for JsonAuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JsonAuditLog")
    }
}
