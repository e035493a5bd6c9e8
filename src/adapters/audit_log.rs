//! The audit log: JSON lines, written to standard output or to a file by one thread that owns the file.
//!
//! The writer is our own: log appenders do not report whether an entry is on disk, and the URL of a session must not be
//! released before its entry is.

mod output;
mod target;
mod writer;

use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::oneshot, time::timeout};

use crate::{
    json::ascii,
    portal::{AuditEntry, AuditLog, Reason, Refusal},
    supervisor,
};
use output::Output;
pub use target::OpenError;
use writer::Writer;

/// How long a call waits for its entry to be written, and a shutdown for the last entries. A pipe whose reader has
/// stopped must block neither of them.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// The maximum number of entries that wait for the writer.
const QUEUE_CAPACITY: usize = 4_096;

/// What the writer is asked to do.
enum Job {
    Append(Entry),
    /// Open the file again, and send the result.
    Reopen(Reopened),
}

/// Receives the result of opening the file again.
type Reopened = oneshot::Sender<Result<(), OpenError>>;

/// An entry for the writer.
struct Entry {
    /// The line without what numbers it.
    json: Vec<u8>,
    durable: bool,
    /// Receives the result of the write.
    done: oneshot::Sender<Written>,
}

/// The result of writing an entry. One failed flush is the result of several entries.
type Written = Result<(), Arc<io::Error>>;

/// The handle of the log. Dropping it waits, for a limited time, until the remaining entries are written.
pub struct JsonAuditLog {
    /// `None` once the log is dropped, which stops the writer.
    jobs: Option<mpsc::SyncSender<Job>>,
    /// Entries that were not accepted since the writer last looked.
    lost: Arc<AtomicU64>,
    /// Closed when the writer stops.
    writer_stopped: Mutex<mpsc::Receiver<()>>,
}

impl JsonAuditLog {
    /// Appends to a regular file, which is created if it does not exist, to a pipe with a reader, or to a character
    /// device.
    ///
    /// # Errors
    /// If the file cannot be opened or has another type, or if the thread cannot be started.
    pub fn to_file(path: &Path) -> Result<Self, OpenError> {
        Self::start(Output::file(path)?)
    }

    /// Writes to standard output.
    ///
    /// # Errors
    /// If standard output is closed or `/dev/null`, or if the thread cannot be started.
    pub fn to_stdout() -> Result<Self, OpenError> {
        Self::start(Output::stdout()?)
    }

    /// Opens the file again, also if its path still names the open one. Standard output is kept.
    ///
    /// # Errors
    /// If the file cannot be opened, in which case the open one is kept, or if the log does not accept writes.
    pub async fn reopen(&self) -> Result<(), OpenError> {
        let (done, reopened) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(OpenError::Blocked)?;
        jobs.try_send(Job::Reopen(done)).map_err(|_| OpenError::Blocked)?;
        match timeout(WRITE_TIMEOUT, reopened).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Err(OpenError::Blocked),
        }
    }

    fn start(output: Output) -> Result<Self, OpenError> {
        let (jobs, queue) = mpsc::sync_channel(QUEUE_CAPACITY);
        let (running, writer_stopped) = mpsc::channel();
        let lost = Arc::new(AtomicU64::new(0));
        let mut writer = Writer::new(output, Arc::clone(&lost));
        let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || {
            supervisor::run("audit", || writer.run(&queue));
            drop(running);
        });
        thread.map_err(OpenError::NoThread)?;
        Ok(Self { jobs: Some(jobs), lost, writer_stopped: Mutex::new(writer_stopped) })
    }
}

#[async_trait]
impl AuditLog for JsonAuditLog {
    async fn append(&self, entry: AuditEntry, durable: bool) -> Result<(), Refusal> {
        let unavailable = || Refusal::because(Reason::AuditUnavailable, "audit entry cannot be written");
        let json = ascii::line(&entry).map_err(|error| unavailable().caused_by(error))?;
        let (done, written) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(unavailable)?;
        jobs.try_send(Job::Append(Entry { json, durable, done })).map_err(|_| {
            self.lost.fetch_add(1, Ordering::Relaxed);
            unavailable()
        })?;
        match timeout(WRITE_TIMEOUT, written).await {
            Ok(Ok(outcome)) => outcome.map_err(|error| unavailable().caused_by(error)),
            Ok(Err(_)) | Err(_) => Err(unavailable()),
        }
    }
}

impl Drop for JsonAuditLog {
    fn drop(&mut self) {
        self.jobs = None;
        let writer_stopped = self.writer_stopped.get_mut().unwrap_or_else(PoisonError::into_inner);
        if writer_stopped.recv_timeout(WRITE_TIMEOUT) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::error!("audit log does not accept writes; the last entries are lost");
        }
    }
}

impl std::fmt::Debug for JsonAuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JsonAuditLog")
    }
}
