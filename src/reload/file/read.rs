//! One reading of a file.

use std::path::Path;

use tokio::io::AsyncReadExt as _;

use super::error::{FileError, MAX_BYTES};

/// Reads a regular file that is not too large.
pub(super) async fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(FileError::NotAFile);
    }
    let file = tokio::fs::File::open(path).await?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 > MAX_BYTES { Err(FileError::TooLarge) } else { Ok(bytes) }
}
