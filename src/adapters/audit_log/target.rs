//! Opens what audit entries are written to. Opening never blocks, and refuses what would lose entries.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{
        fd::AsFd as _,
        unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _},
    },
    path::Path,
};

use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::Errno,
};

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
}

/// Opens a file to append to.
pub(super) fn file(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    // Without this flag, opening a pipe blocks until it has a reader.
    options.create(true).append(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path).map_err(|error| why_not(path, error))?;
    let found = file.metadata()?.file_type();
    if !(found.is_file() || found.is_fifo() || found.is_char_device()) {
        return Err(OpenError::WrongType);
    }
    // From here on, the writer waits for a slow reader. Otherwise a full pipe would lose the rest of a line.
    let flags = fcntl_getfl(&file).map_err(io::Error::from)?;
    fcntl_setfl(&file, flags - OFlags::NONBLOCK).map_err(io::Error::from)?;
    Ok(file)
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
    use std::{
        io::{Read as _, Write as _},
        process::Command,
    };

    use super::*;

    #[test]
    fn pipe_is_opened_without_waiting_and_written_with_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert!(matches!(file(&path), Err(OpenError::NoReader)));

        let mut reader = OpenOptions::new();
        let mut reader = reader.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(&path).unwrap();
        fcntl_setfl(&reader, OFlags::empty()).unwrap();
        let mut writer = file(&path).unwrap();
        // Larger than a pipe, so the writer must wait for the reader.
        let line = vec![b'x'; 1024 * 1024];
        let mut received = Vec::new();
        std::thread::scope(|threads| {
            threads.spawn(|| {
                writer.write_all(&line).unwrap();
                drop(writer);
            });
            reader.read_to_end(&mut received).unwrap();
        });
        assert!(received == line, "{} bytes", received.len());
    }

    #[test]
    fn regular_file_and_character_device_are_accepted_and_a_directory_is_not() {
        let folder = tempfile::tempdir().unwrap();
        assert!(file(&folder.path().join("new")).is_ok());
        assert!(file(Path::new("/dev/full")).is_ok());
        assert!(matches!(file(folder.path()), Err(OpenError::WrongType)));
        assert!(matches!(file(Path::new("/nowhere/x")), Err(OpenError::Unusable(_))));
    }
}
