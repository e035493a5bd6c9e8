//! Opens what audit entries are written to. Opening never blocks, and refuses what would lose entries.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{
        fd::AsFd as _,
        unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _},
    },
    path::Path,
};

use rustix::{fs::OFlags, io::Errno};

/// Why an audit log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be opened. The text comes from the operating system.
    #[error("cannot be opened: {0} (expected a file in a writable directory)")]
    Unusable(#[from] io::Error),
    /// The thread that writes the entries cannot be started.
    #[error("cannot be written, because no thread can be started: {0}")]
    NoThread(#[source] io::Error),
    /// A pipe that nobody reads. Opening it would block until a reader opens it.
    #[error("is a pipe without a reader; start the reader first")]
    NoReader,
    /// A directory, a socket or a block device.
    #[error("is not a regular file, a pipe or a character device")]
    WrongType,
    /// Standard output is `/dev/null`, which is also what Rust opens where it was closed at startup.
    #[error("standard output is closed or /dev/null, so entries would be lost; redirect it, or use file:PATH")]
    Discarded,
    /// The file that standard output was redirected to has no name any more.
    #[error("the file behind standard output was deleted, so entries would be lost")]
    Deleted,
    /// Entries wait until the log accepts them, so it cannot be closed.
    #[error("does not accept writes; entries wait for its reader")]
    Blocked,
}

/// Opens a file to append to. A file that was created is still there after a crash.
pub(super) fn file(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    // Without this flag, opening a pipe blocks until it has a reader. The writer waits for a slow reader.
    options.create(true).append(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path).map_err(|error| why_not(path, error))?;
    let found = file.metadata()?.file_type();
    if !(found.is_file() || found.is_fifo() || found.is_char_device()) {
        return Err(OpenError::WrongType);
    }
    if found.is_file() {
        sync_directory(path)?;
    }
    Ok(file)
}

/// Returns the line break that is missing at the end of a regular file, because whatever wrote to it was killed in the middle of a
/// line. Without it, the next entry would be unreadable. A file that may not be read is left as it is.
pub(super) fn missing_line_break(path: &Path) -> Vec<u8> {
    let is_missing = || -> io::Result<bool> {
        let found = path.metadata()?;
        let mut last = [b'\n'];
        if found.is_file() && found.len() > 0 {
            File::open(path)?.read_exact_at(&mut last, found.len() - 1)?;
        }
        Ok(last != [b'\n'])
    };
    if is_missing().unwrap_or(false) { vec![b'\n'] } else { Vec::new() }
}

/// Flushes the directory entry of a file to disk. A directory that may be written but not read cannot be flushed.
fn sync_directory(path: &Path) -> io::Result<()> {
    let path = path.canonicalize()?;
    match path.parent().map(File::open) {
        Some(Ok(directory)) => unless_unsupported(directory.sync_all()),
        Some(Err(error)) if error.kind() != io::ErrorKind::PermissionDenied => Err(error),
        Some(Err(_)) | None => Ok(()),
    }
}

/// Returns success if the file system or the kind of file has no flush: EINVAL, or EROFS on some systems.
pub(super) fn unless_unsupported(flushed: io::Result<()>) -> io::Result<()> {
    match flushed {
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

/// Returns why a file cannot be opened. The operating system's error is the same for a pipe and for a socket.
fn why_not(path: &Path, error: io::Error) -> OpenError {
    let has_no_reader = error.raw_os_error() == Some(Errno::NXIO.raw_os_error());
    match path.metadata().map(|found| found.file_type()) {
        Ok(found) if found.is_fifo() && has_no_reader => OpenError::NoReader,
        Ok(found) if found.is_dir() || found.is_socket() => OpenError::WrongType,
        Ok(_) | Err(_) => error.into(),
    }
}

/// Returns another handle of standard output.
pub(super) fn stdout() -> Result<File, OpenError> {
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let found = stdout.metadata()?;
    let is_null = Path::new("/dev/null").metadata().is_ok_and(|null| null.rdev() == found.rdev());
    if found.file_type().is_char_device() && is_null { Err(OpenError::Discarded) } else { Ok(stdout) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_file_and_character_device_are_accepted_and_a_directory_is_not() {
        let folder = tempfile::tempdir().unwrap();
        assert!(file(&folder.path().join("new")).is_ok());
        assert!(file(Path::new("/dev/full")).is_ok());
        assert!(matches!(file(folder.path()), Err(OpenError::WrongType)));
        assert!(matches!(file(Path::new("/nowhere/x")), Err(OpenError::Unusable(_))));
    }
}
