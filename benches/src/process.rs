//! A contender as a process on its own processors.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::{
    process::{Pid, Signal, kill_process},
    thread::{CpuSet, sched_setaffinity},
};

use billing_portal_bench::usage::{self, Usage};

/// The longest start.
const START: Duration = Duration::from_secs(30);

/// A running process. Dropping it stops it.
pub struct Process {
    child: Child,
    log: PathBuf,
    /// Sent to stop it. Nobody needs a drain.
    pub stop: Signal,
}

/// Restricts this thread, and the processes that it starts from now on, to these processors.
///
/// # Errors
/// If the machine does not have them.
pub fn pin(processors: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    processors.iter().for_each(|&processor| set.set(processor));
    sched_setaffinity(None, &set).with_context(|| format!("processors {processors:?} are required"))
}

impl Process {
    /// Starts a program on processors. Its output goes to a file.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(mut command: Command, processors: &[usize], log: PathBuf) -> Result<Self> {
        let output = fs::File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        pin(processors)?;
        let child = command.spawn();
        pin(&[crate::DRIVER])?;
        Ok(Self { child: child.with_context(|| format!("cannot start {command:?}"))?, log, stop: Signal::KILL })
    }

    /// Returns what the process has used so far.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn usage(&self) -> Result<Usage> {
        usage::of(&self.child.id().to_string())
    }

    /// Waits until a line of the log has a value. Does not sleep, because that would add to the time of the start.
    ///
    /// # Errors
    /// If the process ends, or does not write such a line.
    pub async fn logged<T>(&mut self, value: impl Fn(&str) -> Option<T>) -> Result<T> {
        let end = Instant::now() + START;
        loop {
            let has_ended = self.child.try_wait()?.is_some();
            let text = fs::read_to_string(&self.log)?;
            if let Some(found) = text.lines().find_map(&value) {
                return Ok(found);
            }
            anyhow::ensure!(!has_ended && Instant::now() < end, "not started: {text}");
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the process ends, and returns its output.
    ///
    /// # Errors
    /// If it fails.
    pub async fn finished(&mut self) -> Result<String> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                let text = fs::read_to_string(&self.log)?;
                anyhow::ensure!(status.success(), "{status}: {text}");
                return Ok(text);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It fails if the process has ended.
        let _ = kill_process(Pid::from_child(&self.child), self.stop);
        drop(self.child.wait());
    }
}
