//! A file that is read again while the process runs: the flag, the key set, the Stripe key, the database password, TLS
//! certificates. A certificate and its private key are two files with one value.
//!
//! The file is polled, not watched: reading a small file a few times per second costs nothing, and works with every
//! kind of file system and mount (an atomic symlink swap of a ConfigMap, a bind mount, a network share).
//!
//! A file that is being written in place can be read half-written. Half of a JSON document does not parse, so a document
//! is used as soon as it was read once: a file that changes all the time must not delay the flag. Half of a secret can
//! look complete, and so can half of a list of certificates: they are used once two readings in a row contain the same. White space around it and
//! readings that fail do not count, so that they cannot delay a rotation. A secret that is different in each reading is
//! never used, because each may be half of another one; the last good one stays in use.

mod error;
mod open;
mod read;
mod source;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::reload::status::Status;
pub use error::FileError;
use read::read;

/// The pause between two readings. A change of a flag must take effect within 1 s, a change of a key within 2 s, and two
/// readings of a key must agree.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The last valid value of a file, or of several files together, and when it was last valid.
pub struct ReloadingFile<T> {
    shared: Arc<Shared<T>>,
    /// Never read by the service: dropping it ends the task.
    _poll: AbortOnDropHandle<()>,
}

/// Parses the contents of all files, in the order of their paths.
type Parse<T> = dyn Fn(&[Vec<u8>]) -> Result<T, FileError> + Send + Sync;

struct Shared<T> {
    setting: &'static str,
    paths: Arc<[PathBuf]>,
    parse: Box<Parse<T>>,
    /// Whether two readings agree; `None` for a document, of which one reading counts.
    agree: Option<fn(&T, &T) -> bool>,
    value: watch::Sender<Option<Arc<T>>>,
    seen: Mutex<Seen<T>>,
    status: Arc<Status>,
    /// The number of readings that have begun.
    begun: AtomicU64,
    /// Held during a reading. The number of the latest one that has ended.
    ended: tokio::sync::Mutex<u64>,
}

/// What the latest readings contained.
struct Seen<T> {
    /// The contents and the value of the latest good reading.
    good: Option<(Vec<Vec<u8>>, Arc<T>)>,
    /// The error of the latest reading, if it failed.
    failed: Option<FileError>,
    /// The error that was reported; `None` while the file is valid.
    error: Option<FileError>,
}

impl<T: Send + Sync + 'static> ReloadingFile<T> {
    /// Returns the last valid value, or `None` if the file was never valid.
    #[must_use]
    pub fn get(&self) -> Option<Arc<T>> {
        self.shared.value.borrow().clone()
    }

    /// Returns how long ago the file was last valid, or `None` if it never was.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.shared.status.age()
    }

    /// Returns the last valid value, unless the file was last valid longer than `max_age` ago.
    #[must_use]
    pub fn get_fresh(&self, max_age: Duration) -> Option<Arc<T>> {
        (self.age()? <= max_age).then(|| self.get()).flatten()
    }

    /// Returns why the file is not valid, or `None` if it is.
    #[must_use]
    pub fn error(&self) -> Option<FileError> {
        self.shared.seen().error.clone()
    }

    /// Reads the file again now, instead of at the next poll.
    pub async fn refresh(&self) {
        self.shared.poll().await;
        if self.shared.agree.is_some() {
            // A new secret is used only when two consecutive readings agree.
            self.shared.poll().await;
        }
    }

    /// Returns a receiver that is notified of each new value.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Option<Arc<T>>> {
        self.shared.value.subscribe()
    }
}

impl<T> Shared<T> {
    /// The first reading counts alone, because there is no earlier value to keep. Nothing is logged, because the caller
    /// reports the error.
    async fn read_first(&self) {
        let read = read(&self.paths).await;
        let mut seen = self.seen();
        match self.parse(&mut seen, read) {
            Ok(value) => {
                self.accept(&mut seen, value);
            }
            Err(error) => {
                self.status.failed();
                seen.error = Some(error);
            }
        }
    }

    async fn poll_repeatedly(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(POLL_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.poll().await;
        }
    }

    /// Reads the files, or waits for a reading that has begun after this was called: calls that wait for their turn share one.
    async fn poll(&self) {
        let earlier = self.begun.load(Ordering::SeqCst);
        // One reading at a time, so that an older one never replaces a newer one.
        let mut ended = self.ended.lock().await;
        if *ended > earlier {
            return;
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let read = read(&self.paths).await;
        *ended = number;
        let mut seen = self.seen();
        let earlier = seen.good.as_ref().map(|(_, value)| Arc::clone(value));
        match self.parse(&mut seen, read) {
            Ok(value) => {
                seen.failed = None;
                let counts = self.agree.is_none_or(|agree| earlier.is_some_and(|earlier| agree(&earlier, &value)));
                if counts && self.accept(&mut seen, value) {
                    tracing::info!(setting = self.setting, path = %self.path(), "file loaded");
                }
            }
            Err(error) => self.keep_last_valid(&mut seen, error),
        }
    }

    fn parse(&self, seen: &mut Seen<T>, read: Result<Vec<Vec<u8>>, FileError>) -> Result<Arc<T>, FileError> {
        let contents = read?;
        match &seen.good {
            Some((good, value)) if *good == contents => Ok(Arc::clone(value)),
            Some(_) | None => {
                let value = Arc::new((self.parse)(&contents)?);
                seen.good = Some((contents, Arc::clone(&value)));
                Ok(value)
            }
        }
    }

    /// Uses a value. Returns whether this is a change: the value is a new one, or an error had been reported.
    fn accept(&self, seen: &mut Seen<T>, value: Arc<T>) -> bool {
        let is_current = self.value.borrow().as_ref().is_some_and(|current| {
            Arc::ptr_eq(current, &value) || self.agree.is_some_and(|agree| agree(current, &value))
        });
        self.status.valid(!is_current);
        let recovered = seen.error.take().is_some();
        if is_current && !recovered {
            return false;
        }
        self.value.send_replace(Some(value));
        true
    }

    /// Returns the paths, for the log.
    fn path(&self) -> String {
        let paths: Vec<_> = self.paths.iter().map(|path| path.display().to_string()).collect();
        paths.join(", ")
    }

    fn seen(&self) -> MutexGuard<'_, Seen<T>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports the error of a reading if the one before also failed: a file that is being written recovers. Of errors
    /// that differ from reading to reading, only the first is reported.
    fn keep_last_valid(&self, seen: &mut Seen<T>, error: FileError) {
        let Some(earlier) = seen.failed.replace(error.clone()) else { return };
        let is_new = seen.error.as_ref() != Some(&error) && (seen.error.is_none() || earlier == error);
        if is_new {
            self.status.failed();
            let kept_last_good = self.status.age().is_some();
            tracing::error!(setting = self.setting, path = %self.path(), %error, kept_last_good, "file is not valid");
            seen.error = Some(error);
        }
    }
}

impl<T> std::fmt::Debug for ReloadingFile<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReloadingFile").field("paths", &self.shared.paths).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
