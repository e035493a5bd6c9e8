//! A file that is read again while we run: flags, keys, the Stripe key.
//!
//! It is polled, not watched: reading a small file a few times a second costs nothing, and it sees what every kind of file
//! system and mount does (an atomic symlink swap of a ConfigMap, a bind mount, a network share) without a special case. New
//! content counts once two looks in a row have seen it, for a file that is being written in place shows halves of keys that
//! look whole.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{io::AsyncReadExt as _, sync::watch, task::JoinHandle};

use crate::telemetry::metrics::METRICS;

/// How often a file is read. The contract grants a flag 1 s and a key 2 s; two looks have to agree.
const POLL: Duration = Duration::from_millis(250);

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// How a file's content becomes a value; the error is for an operator, and must not quote a secret.
pub type Parse<T> = fn(&[u8]) -> Result<T, String>;

/// The last good value of a file, and when it was last seen good.
pub struct ReloadingFile<T> {
    shared: Arc<Shared<T>>,
    poll: JoinHandle<()>,
}

struct Shared<T> {
    name: &'static str,
    path: PathBuf,
    parse: Parse<T>,
    value: watch::Sender<Option<Arc<T>>>,
    seen: Mutex<Seen>,
}

/// What the last looks at the file found.
#[derive(Default)]
struct Seen {
    /// What the last look read.
    last: Option<Result<Vec<u8>, String>>,
    /// What was last parsed.
    parsed: Option<Vec<u8>>,
    good_at: Option<Instant>,
    error: Option<String>,
}

impl<T: Send + Sync + 'static> ReloadingFile<T> {
    /// Reads the file once, then again and again on the current runtime until the handle is dropped. `name` is the setting
    /// that the log names.
    pub async fn open(name: &'static str, path: PathBuf, parse: Parse<T>) -> Self {
        let shared = Arc::new(Shared { name, path, parse, value: watch::channel(None).0, seen: Mutex::default() });
        // The first look counts alone, for at the start there is nothing to keep, and leaves it to the caller to tell what
        // was wrong with it.
        let first = shared.read().await;
        shared.take(first, false);
        let poll = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                let mut ticks = tokio::time::interval(POLL);
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    shared.look().await;
                }
            }
        });
        Self { shared, poll }
    }

    /// The last good value; none when the file was never good.
    #[must_use]
    pub fn get(&self) -> Option<Arc<T>> {
        self.shared.value.borrow().clone()
    }

    /// The last good value, unless the file has not been seen good for longer than `max_age`.
    #[must_use]
    pub fn get_fresh(&self, max_age: Duration) -> Option<Arc<T>> {
        let good_at = self.shared.seen().good_at?;
        (good_at.elapsed() <= max_age).then(|| self.get()).flatten()
    }

    /// Why the file is not good now, for the message that stops a start.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        self.shared.seen().error.clone()
    }

    /// Tells of each new value.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Option<Arc<T>>> {
        self.shared.value.subscribe()
    }
}

impl<T> Shared<T> {
    async fn look(&self) {
        let read = self.read().await;
        let agrees = {
            let mut seen = self.seen();
            let agrees = seen.last.as_ref() == Some(&read);
            seen.last = Some(read.clone());
            agrees
        };
        if agrees {
            self.take(read, true);
        }
    }

    fn take(&self, read: Result<Vec<u8>, String>, tell: bool) {
        let mut seen = self.seen();
        match read {
            Ok(bytes) if seen.parsed.as_ref() == Some(&bytes) => {
                // An unchanged file is as good or as bad as it was.
                if seen.error.is_none() {
                    seen.good_at = Some(Instant::now());
                }
            }
            Ok(bytes) => {
                let parsed = (self.parse)(&bytes);
                seen.parsed = Some(bytes);
                match parsed {
                    Ok(value) => {
                        seen.good_at = Some(Instant::now());
                        seen.error = None;
                        METRICS.file(self.name, true);
                        if tell {
                            tracing::info!(setting = self.name, path = %self.path.display(), "file loaded");
                        }
                        self.value.send_replace(Some(Arc::new(value)));
                    }
                    Err(error) => self.keep_last_good(&mut seen, error, tell),
                }
            }
            Err(error) => {
                // Forgotten, so that the same content is parsed again when the file is back.
                seen.parsed = None;
                self.keep_last_good(&mut seen, error, tell);
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_last_good(&self, seen: &mut Seen, error: String, tell: bool) {
        METRICS.file(self.name, false);
        if seen.error.as_ref() != Some(&error) {
            if tell {
                let kept_last_good = seen.good_at.is_some();
                tracing::error!(setting = self.name, path = %self.path.display(), error, kept_last_good, "file is not good");
            }
            seen.error = Some(error);
        }
    }

    async fn read(&self) -> Result<Vec<u8>, String> {
        let file = tokio::fs::File::open(&self.path).await.map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(format!("it is over {MAX_BYTES} bytes"));
        }
        Ok(bytes)
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
mod tests {
    use super::*;

    fn number(bytes: &[u8]) -> Result<u32, String> {
        std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok()).ok_or_else(|| "no number".to_owned())
    }

    async fn look_twice(file: &ReloadingFile<u32>) {
        file.shared.look().await;
        file.shared.look().await;
    }

    #[tokio::test]
    async fn a_broken_or_vanished_file_keeps_the_last_good_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n");
        std::fs::write(&path, "1").unwrap();
        let file = ReloadingFile::open("--n", path.clone(), number).await;
        let mut changes = file.changes();
        assert_eq!(file.get().as_deref(), Some(&1));

        std::fs::write(&path, "garbage").unwrap();
        look_twice(&file).await;
        assert_eq!(file.get().as_deref(), Some(&1));
        assert_eq!(file.error().as_deref(), Some("no number"));
        assert!(file.get_fresh(Duration::ZERO).is_none());

        std::fs::remove_file(&path).unwrap();
        look_twice(&file).await;
        assert_eq!(file.get().as_deref(), Some(&1));

        // An atomic symlink swap, as a ConfigMap does it.
        std::fs::write(folder.path().join("next"), "2").unwrap();
        std::os::unix::fs::symlink(folder.path().join("next"), folder.path().join("link")).unwrap();
        std::fs::rename(folder.path().join("link"), &path).unwrap();
        changes.wait_for(|value| value.as_deref() == Some(&2)).await.unwrap();
        assert!(file.get_fresh(Duration::from_secs(60)).is_some());
    }

    #[tokio::test]
    async fn content_that_only_one_look_has_seen_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n");
        std::fs::write(&path, "1").unwrap();
        let file = ReloadingFile::open("--n", path.clone(), number).await;
        file.poll.abort();
        for half_written in ["2", "23", "234"] {
            std::fs::write(&path, half_written).unwrap();
            file.shared.look().await;
            assert_eq!(file.get().as_deref(), Some(&1));
        }
        file.shared.look().await;
        assert_eq!(file.get().as_deref(), Some(&234));
    }

    #[tokio::test]
    async fn a_file_that_was_never_there_has_no_value() {
        let folder = tempfile::tempdir().unwrap();
        let file = ReloadingFile::open("--n", folder.path().join("n"), number).await;
        assert!(file.get().is_none() && file.get_fresh(Duration::MAX).is_none() && file.error().is_some());
    }
}
