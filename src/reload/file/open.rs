//! The first reading of a file, and the task that reads it again.

use std::{
    fmt::Display,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use tokio::sync::watch;

use super::{FileError, Parse, ReloadingFile, Seen, Shared};
use crate::{reload::status::Status, supervisor};

impl<T: Send + Sync + 'static> ReloadingFile<T> {
    /// Reads a file whose content is complete whenever it parses, such as JSON; then repeatedly until the handle is
    /// dropped, in a task on the current runtime. `setting` is the flag that names the file, for the log.
    pub async fn open_document<E: Display>(
        setting: &'static str,
        path: PathBuf,
        parse: impl Fn(&[u8]) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        Self::open(setting, vec![path], one(parse), None).await
    }

    /// Reads a file with a secret or with certificates, of which a part can look complete; otherwise like
    /// [`Self::open_document`].
    pub async fn open_secret<E: Display>(
        setting: &'static str,
        path: PathBuf,
        parse: impl Fn(&[u8]) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self
    where
        T: PartialEq,
    {
        Self::open(setting, vec![path], one(parse), Some(T::eq)).await
    }

    /// Reads two files that are valid only together; otherwise like [`Self::open_secret`]. The parser can name the file to change
    /// by [`FileError::Of`].
    pub async fn open_pair(
        setting: &'static str,
        paths: [PathBuf; 2],
        parse: impl Fn(&[u8], &[u8]) -> Result<T, FileError> + Send + Sync + 'static,
    ) -> Self
    where
        T: PartialEq,
    {
        let parse = move |contents: &[Vec<u8>]| match contents {
            [first, second] => parse(first, second),
            _ => Err(FileError::NotAFile),
        };
        Self::open(setting, paths.into(), Box::new(parse), Some(T::eq)).await
    }

    pub(super) async fn open(
        setting: &'static str,
        paths: Vec<PathBuf>,
        parse: Box<Parse<T>>,
        agree: Option<fn(&T, &T) -> bool>,
    ) -> Self {
        let seen = Mutex::new(Seen { good: None, failed: None, error: None });
        let shared = Arc::new(Shared {
            setting,
            paths: paths.into(),
            parse,
            agree,
            value: watch::channel(None).0,
            seen,
            status: Status::of(setting),
            begun: AtomicU64::default(),
            ended: tokio::sync::Mutex::default(),
        });
        shared.read_first().await;
        let polled = Arc::clone(&shared);
        let poll = supervisor::spawn(setting, move || Arc::clone(&polled).poll_repeatedly());
        Self { shared, _poll: poll }
    }
}

/// Returns a parser of the content of one file.
pub(super) fn one<T, E: Display>(parse: impl Fn(&[u8]) -> Result<T, E> + Send + Sync + 'static) -> Box<Parse<T>> {
    Box::new(move |contents| parse(&contents.concat()).map_err(|error| FileError::Invalid(error.to_string())))
}
