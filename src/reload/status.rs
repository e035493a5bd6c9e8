//! The status of a reloaded file or URL, and its metrics.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use crate::telemetry::metrics::{self, SourceState};

/// What the latest readings of a source found. The metrics of every source are read from it at each export.
#[derive(Debug, Default)]
pub(super) struct Status(Mutex<Readings>);

#[derive(Debug, Default)]
struct Readings {
    is_good: bool,
    valid_at: Option<Instant>,
    changed_at: Option<SystemTime>,
}

impl Status {
    /// Creates the status of a source, and its metrics. `setting` is the flag that names the source.
    pub(super) fn of(setting: &'static str) -> Arc<Self> {
        let status = Arc::new(Self::default());
        let observed = Arc::downgrade(&status);
        metrics::watch_source(setting, move || observed.upgrade().map(|status| status.state()));
        status
    }

    /// Records that the source is valid.
    pub(super) fn valid(&self, is_new: bool) {
        let mut readings = self.readings();
        readings.is_good = true;
        readings.valid_at = Some(Instant::now());
        if is_new {
            readings.changed_at = Some(SystemTime::now());
        }
    }

    /// Records that the source is missing or not valid. Its last valid value stays in use.
    pub(super) fn failed(&self) {
        self.readings().is_good = false;
    }

    /// Returns how long ago the source was last valid, or `None` if it never was.
    pub(super) fn age(&self) -> Option<Duration> {
        Some(self.readings().valid_at?.elapsed())
    }

    fn state(&self) -> SourceState {
        let age = self.age();
        let readings = self.readings();
        SourceState { is_good: readings.is_good, age, changed_at: readings.changed_at }
    }

    fn readings(&self) -> MutexGuard<'_, Readings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
