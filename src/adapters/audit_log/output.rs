//! What entries are written to: whole lines, in order, to the file that the path names at that moment.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::target::{self, OpenError};
use crate::pipe;

/// An open file, or standard output.
pub(super) struct Output {
    file: File,
    /// Where the file was opened; `None` for standard output.
    path: Option<PathBuf>,
    /// Whether a directory names the file. A file that never had a name was not deleted.
    is_named: bool,
    is_regular: bool,
    /// The rest of a line whose beginning was written. The line of a process that was killed gets only its line break.
    rest: Vec<u8>,
}

impl Output {
    pub(super) fn file(path: &Path) -> Result<Self, OpenError> {
        Self::new(target::file(path)?, path, Some(path.to_owned()))
    }

    pub(super) fn stdout() -> Result<Self, OpenError> {
        Self::new(target::stdout()?, Path::new("/dev/stdout"), None)
    }

    /// `readable` leads to the same file; `path` is only known if the file can be opened again by it.
    fn new(file: File, readable: &Path, path: Option<PathBuf>) -> Result<Self, OpenError> {
        let found = file.metadata()?;
        let rest = target::missing_line_break(readable);
        Ok(Self { path, is_named: found.nlink() > 0, is_regular: found.is_file(), rest, file })
    }

    /// Writes lines, after the rest of the line before them. They are written with one system call if possible, so
    /// that lines of processes that share a file do not mix. Waits as long as a pipe is full. Returns how many bytes were
    /// written, and an error if these are not all. If the beginning of a line was written, a later call writes its rest.
    pub(super) fn append(&mut self, lines: &[u8]) -> (usize, io::Result<()>) {
        match self.write_rest() {
            Ok(()) => self.write(lines),
            Err(error) => (0, Err(error)),
        }
    }

    /// Returns whether the path does not name the open file any more, because the file was renamed, replaced or deleted.
    ///
    /// # Errors
    /// If standard output is a file that was deleted.
    pub(super) fn has_moved(&self) -> Result<bool, OpenError> {
        let open = self.file.metadata()?;
        let is_current = |named| identity(&named) == identity(&open);
        match &self.path {
            Some(path) => Ok(!path.metadata().is_ok_and(is_current)),
            None if self.is_named && open.nlink() == 0 => Err(OpenError::Deleted),
            None => Ok(false),
        }
    }

    /// Returns whether a write can wait for a reader. The entries before it must not wait with it.
    pub(super) const fn can_stall(&self) -> bool {
        !self.is_regular
    }

    /// Opens the path again. Lines that were written to another file stay there. Standard output is kept.
    ///
    /// # Errors
    /// If the path cannot be opened. The open file is then kept.
    pub(super) fn reopen(&mut self) -> Result<(), OpenError> {
        let Some(path) = self.path.clone() else {
            tracing::info!("audit log is standard output, which is not reopened");
            return Ok(());
        };
        let mut new = Self::file(&path)?;
        let is_same = identity(&self.file.metadata()?) == identity(&new.file.metadata()?);
        let outcome = self.write_rest().and_then(|()| self.sync());
        if is_same {
            new.rest = std::mem::take(&mut self.rest);
        }
        if let Err(error) = outcome {
            tracing::error!(%error, "last audit entries of the old file cannot be written");
        }
        tracing::info!(path = %path.display(), "audit file reopened");
        *self = new;
        Ok(())
    }

    /// Flushes the file to disk. A pipe or a terminal cannot be flushed; that is not an error.
    pub(super) fn sync(&self) -> io::Result<()> {
        target::unless_unsupported(self.file.sync_data())
    }

    /// Writes the rest of the line whose beginning was written, unless the file was truncated, and the beginning with it.
    fn write_rest(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() || self.file.metadata().is_ok_and(|found| found.is_file() && found.len() == 0) {
            return Ok(());
        }
        self.write(&rest).1.inspect_err(|_| {
            if self.rest.is_empty() {
                self.rest = rest;
            }
        })
    }

    /// Writes lines. If it fails in the middle of a line, the rest of that line is kept.
    fn write(&mut self, lines: &[u8]) -> (usize, io::Result<()>) {
        let mut left = lines;
        let outcome = pipe::write_all(&mut self.file, &mut left);
        self.rest = rest_of_line(lines, left).to_vec();
        (lines.len() - left.len(), outcome)
    }
}

/// Returns the rest of the line whose beginning was written, if `left` of `lines` was not.
fn rest_of_line<'a>(lines: &[u8], left: &'a [u8]) -> &'a [u8] {
    match lines.strip_suffix(left).and_then(<[u8]>::last) {
        None | Some(b'\n') => &[],
        Some(_) => left.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default(),
    }
}

/// Returns the device and the inode, by which two names of one file are recognized.
fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

#[cfg(test)]
mod tests;
