//! Why a file has no valid content.

use std::{io, path::Path};

/// The largest file that is read, in bytes.
pub(super) const MAX_BYTES: u64 = 1024 * 1024;

/// Why a file has no valid content. The text is for an operator; parsers must not quote a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read. The text comes from the operating system.
    #[error("{0}")]
    Unreadable(String),
    /// A directory, a pipe or a device. Opening or reading it could block, and a pipe cannot be read again.
    #[error("not a regular file")]
    NotAFile,
    /// The file is too large.
    #[error("larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// The parser rejects the content.
    #[error("{0}")]
    Invalid(String),
    /// One of several files, by its path.
    #[error("{0}: {1}")]
    Of(String, Box<FileError>),
}

impl FileError {
    /// Names the file.
    pub(super) fn of(self, path: &Path) -> Self {
        Self::Of(path.display().to_string(), Box::new(self))
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}
