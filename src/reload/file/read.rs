//! One reading of a file, or of several files together.

use std::path::{Path, PathBuf};

use tokio::io::AsyncReadExt as _;

use super::error::{FileError, MAX_BYTES};

/// Reads every file. An error names its file if there are several.
pub(super) async fn read(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, FileError> {
    let mut contents = Vec::with_capacity(paths.len());
    for path in paths {
        let content = read_one(path).await;
        let is_only = paths.len() == 1;
        contents.push(content.map_err(|error| if is_only { error } else { error.of(path) })?);
    }
    Ok(contents)
}

/// Reads a regular file that is not too large.
async fn read_one(path: &Path) -> Result<Vec<u8>, FileError> {
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(FileError::NotAFile);
    }
    let file = tokio::fs::File::open(path).await?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 > MAX_BYTES { Err(FileError::TooLarge) } else { Ok(bytes) }
}
