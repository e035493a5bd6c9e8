//! The reader of a pipe to which audit entries are written.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;
use tokio::{net::unix::pipe::Receiver, sync::watch, task::JoinHandle};

use crate::support::process::{create_pipe, fill, open_pipe};

/// What a reader does with its pipe.
#[derive(Clone, Copy, Debug)]
enum State {
    Reads,
    Stopped,
    Closed,
}

/// Appends what it reads to a file.
pub(super) struct PipeReader {
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

impl PipeReader {
    /// Creates the pipe, and begins to read.
    pub(super) fn start(path: PathBuf, file: &Path) -> Self {
        create_pipe(&path);
        let (state, states) = watch::channel(State::Reads);
        let task = tokio::spawn(copy(open(&path), path, File::create(file).unwrap(), states));
        Self { state, task }
    }

    pub(super) fn read(&self) {
        self.state.send_replace(State::Reads);
    }

    /// Stops reading. The pipe is full.
    pub(super) fn stop(&self) {
        self.state.send_replace(State::Stopped);
    }

    /// Closes the pipe.
    pub(super) fn close(&self) {
        self.state.send_replace(State::Closed);
    }

    /// Waits until the last writer has closed the pipe.
    pub(super) async fn end(self) {
        self.task.await.unwrap();
    }
}

fn open(path: &Path) -> Receiver {
    Receiver::from_file(open_pipe(path, OFlags::RDONLY)).unwrap()
}

async fn copy(reader: Receiver, path: PathBuf, mut file: File, mut states: watch::Receiver<State>) {
    let (mut reader, mut buffer) = (Some(reader), [0; 4_096]);
    loop {
        let state = *states.borrow_and_update();
        match state {
            State::Reads => {
                let reader = reader.get_or_insert_with(|| open(&path));
                tokio::select! {
                    _ = states.changed() => {}
                    ready = reader.readable() => {
                        ready.unwrap();
                        match reader.try_read(&mut buffer) {
                            Ok(0) => return,
                            Ok(length) => file.write_all(&buffer[..length]).unwrap(),
                            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
                        }
                    }
                }
            }
            State::Stopped => {
                // White space before an entry is not a part of it.
                fill(&open_pipe(&path, OFlags::WRONLY), b' ');
                states.changed().await.unwrap();
            }
            State::Closed => {
                reader = None;
                states.changed().await.unwrap();
            }
        }
    }
}
