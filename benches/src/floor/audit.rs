//! Durable lines in a file. Lines that wait together share one flush.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::sync::oneshot;

/// The shortest time between two writes, as in the service: waiting for other lines costs less than a flush.
const WRITE_INTERVAL: Duration = Duration::from_micros(500);

/// A line, and where the result of its flush is sent.
type Job = (String, oneshot::Sender<std::io::Result<()>>);

pub(crate) struct Audit(mpsc::Sender<Job>);

impl Audit {
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        let (sender, jobs) = mpsc::channel();
        thread::spawn(move || write(file, &jobs));
        Ok(Self(sender))
    }

    /// Returns when the line is on the disk.
    pub(crate) async fn line(&self, line: String) -> Result<()> {
        let (done, written) = oneshot::channel();
        self.0.send((line, done))?;
        Ok(written.await??)
    }
}

fn write(mut file: File, jobs: &mpsc::Receiver<Job>) {
    let mut written = Instant::now();
    while let Ok(first) = jobs.recv() {
        thread::sleep(WRITE_INTERVAL.saturating_sub(written.elapsed()));
        written = Instant::now();
        let group: Vec<Job> = std::iter::once(first).chain(jobs.try_iter()).collect();
        let text: String = group.iter().map(|(line, _)| line.as_str()).collect();
        let result = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
        for (_, done) in group {
            drop(done.send(result.as_ref().copied().map_err(|error| error.kind().into())));
        }
    }
}
