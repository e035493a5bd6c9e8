//! A file that is read again while the process runs: the flag, the key set, the Stripe key, the database password.
//!
//! The file is polled, not watched: reading a small file a few times per second costs nothing, and works with every
//! kind of file system and mount (an atomic symlink swap of a ConfigMap, a bind mount, a network share). New content is
//! used only when two consecutive reads agree, because a file that is being written in place can contain half of a key
//! that looks complete.

use std::{
    fmt::Display,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{io::AsyncReadExt as _, sync::watch, task::JoinHandle};

use crate::telemetry::metrics::METRICS;

/// The pause between two reads. A change of a flag must take effect within 1 s, a change of a key within 2 s, and two
/// reads must agree.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Why a file has no valid content. The text is for an operator; parsers must not quote a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read. The text comes from the operating system.
    #[error("{0}")]
    Unreadable(String),
    /// The file is too large.
    #[error("larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// The parser rejects the content.
    #[error("{0}")]
    Invalid(String),
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// The last valid value of a file, and when the file was last valid.
pub struct ReloadingFile<T> {
    shared: Arc<Shared<T>>,
    poll: JoinHandle<()>,
}

type Parse<T> = dyn Fn(&[u8]) -> Result<T, FileError> + Send + Sync;

struct Shared<T> {
    setting: &'static str,
    path: PathBuf,
    parse: Box<Parse<T>>,
    value: watch::Sender<Option<Arc<T>>>,
    seen: Mutex<Seen>,
}

/// The results of the latest reads.
#[derive(Default)]
struct Seen {
    /// The content of the latest read.
    latest: Option<Result<Vec<u8>, FileError>>,
    /// The content that was parsed last.
    parsed: Option<Vec<u8>>,
    valid_at: Option<Instant>,
    error: Option<FileError>,
}

impl<T: Send + Sync + 'static> ReloadingFile<T> {
    /// Reads the file once, then repeatedly until the handle is dropped, in a task on the current runtime. `setting` is
    /// the flag that names the file, for the log.
    pub async fn open<E: Display>(
        setting: &'static str,
        path: PathBuf,
        parse: impl Fn(&[u8]) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        let parse: Box<Parse<T>> =
            Box::new(move |bytes| parse(bytes).map_err(|error| FileError::Invalid(error.to_string())));
        let shared = Arc::new(Shared { setting, path, parse, value: watch::channel(None).0, seen: Mutex::default() });
        // The first read needs no second one that agrees, because there is no earlier value to keep. Its error is not
        // logged, because the caller reports it.
        let first = shared.read().await;
        shared.accept(first, false);
        let poll = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                let mut ticks = tokio::time::interval(POLL_INTERVAL);
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    shared.poll().await;
                }
            }
        });
        Self { shared, poll }
    }

    /// Returns the last valid value, or `None` if the file was never valid.
    #[must_use]
    pub fn get(&self) -> Option<Arc<T>> {
        self.shared.value.borrow().clone()
    }

    /// Returns the last valid value, unless the file was last valid longer than `max_age` ago.
    #[must_use]
    pub fn get_fresh(&self, max_age: Duration) -> Option<Arc<T>> {
        let valid_at = self.shared.seen().valid_at?;
        (valid_at.elapsed() <= max_age).then(|| self.get()).flatten()
    }

    /// Returns why the file is not valid, or `None` if it is.
    #[must_use]
    pub fn error(&self) -> Option<FileError> {
        self.shared.seen().error.clone()
    }

    /// Reads the file again now, instead of at the next poll.
    pub async fn refresh(&self) {
        // Two reads, because new content is used only when two consecutive reads agree.
        self.shared.poll().await;
        self.shared.poll().await;
    }

    /// Returns a receiver that is notified of each new value.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Option<Arc<T>>> {
        self.shared.value.subscribe()
    }
}

impl<T> Shared<T> {
    async fn poll(&self) {
        let read = self.read().await;
        let agrees = {
            let mut seen = self.seen();
            let agrees = seen.latest.as_ref() == Some(&read);
            seen.latest = Some(read.clone());
            agrees
        };
        if agrees {
            self.accept(read, true);
        }
    }

    fn accept(&self, read: Result<Vec<u8>, FileError>, log: bool) {
        let mut seen = self.seen();
        match read {
            Ok(bytes) if seen.parsed.as_ref() == Some(&bytes) => {
                // An unchanged file stays as valid or invalid as it was.
                if seen.error.is_none() {
                    seen.valid_at = Some(Instant::now());
                }
            }
            Ok(bytes) => {
                let parsed = (self.parse)(&bytes);
                seen.parsed = Some(bytes);
                match parsed {
                    Ok(value) => {
                        seen.valid_at = Some(Instant::now());
                        seen.error = None;
                        METRICS.file(self.setting, true);
                        if log {
                            tracing::info!(setting = self.setting, path = %self.path.display(), "file loaded");
                        }
                        self.value.send_replace(Some(Arc::new(value)));
                    }
                    Err(error) => self.keep_last_valid(&mut seen, error, log),
                }
            }
            Err(error) => {
                // Without this, unchanged content would not be parsed again once the file is readable again.
                seen.parsed = None;
                self.keep_last_valid(&mut seen, error, log);
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_last_valid(&self, seen: &mut Seen, error: FileError, log: bool) {
        METRICS.file(self.setting, false);
        if seen.error.as_ref() != Some(&error) {
            if log {
                let kept_last_good = seen.valid_at.is_some();
                tracing::error!(setting = self.setting, path = %self.path.display(), %error, kept_last_good, "file is not valid");
            }
            seen.error = Some(error);
        }
    }

    async fn read(&self) -> Result<Vec<u8>, FileError> {
        let file = tokio::fs::File::open(&self.path).await?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).await?;
        if bytes.len() as u64 > MAX_BYTES { Err(FileError::TooLarge) } else { Ok(bytes) }
    }
}

impl<T> Drop for ReloadingFile<T> {
    fn drop(&mut self) {
        self.poll.abort();
    }
}

impl<T> std::fmt::Debug for ReloadingFile<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReloadingFile").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
