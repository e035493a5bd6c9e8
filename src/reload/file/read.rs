//! One reading of a file, or of several files together.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::error::{FileError, MAX_BYTES};

/// Reads every file. An error names its file if there are several.
pub(super) async fn read(paths: &Arc<[PathBuf]>) -> Result<Vec<Vec<u8>>, FileError> {
    let paths = Arc::clone(paths);
    // A call waits for this, and each change of threads takes longer than a step of the reading.
    let reading = tokio::task::spawn_blocking(move || {
        let is_only = paths.len() == 1;
        let read = |path| read_one(path).map_err(|error| if is_only { error } else { error.of(path) });
        paths.iter().map(|path| read(path)).collect()
    });
    reading.await.map_err(io::Error::from)?
}

/// Reads a regular file that is not too large.
fn read_one(path: &Path) -> Result<Vec<u8>, FileError> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(FileError::NotAFile);
    }
    // One byte more than the file is said to have, so that its end is found without growing.
    let capacity = metadata.len().min(MAX_BYTES) + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(capacity).unwrap_or_default());
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES { Err(FileError::TooLarge) } else { Ok(bytes) }
}
