use futures_util::future::join_all;

use super::{open::one, *};

fn number(bytes: &[u8]) -> Result<u32, String> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.trim().parse().map_err(|_| format!("{text:?} is not a number"))
}

/// A file of which this test is the only reader.
struct Polled {
    folder: tempfile::TempDir,
    file: ReloadingFile<u32>,
}

impl Polled {
    async fn document() -> Self {
        Self::start(None).await
    }

    async fn secret() -> Self {
        Self::start(Some(u32::eq)).await
    }

    async fn start(agree: Option<fn(&u32, &u32) -> bool>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("n"), "1").unwrap();
        let file = ReloadingFile::open("--n", vec![folder.path().join("n")], one(number), agree).await;
        file._poll.abort();
        assert_eq!(file.get().as_deref(), Some(&1));
        Self { folder, file }
    }

    /// Writes the content, reads it once, and returns the value in use.
    async fn write(&self, content: &str) -> Option<u32> {
        std::fs::write(self.folder.path().join("n"), content).unwrap();
        self.file.shared.poll().await;
        self.file.get().as_deref().copied()
    }
}

fn not_a_number(text: &str) -> FileError {
    FileError::Invalid(format!("{text:?} is not a number"))
}

#[tokio::test]
async fn invalid_or_deleted_file_keeps_the_last_valid_value() {
    let Polled { folder, file } = Polled::secret().await;
    let path = folder.path().join("n");
    for _ in 0..2 {
        std::fs::write(&path, "garbage").unwrap();
        file.shared.poll().await;
    }
    assert_eq!(file.get().as_deref(), Some(&1));
    assert_eq!(file.error(), Some(not_a_number("garbage")));
    assert!(file.get_fresh(Duration::ZERO).is_none());

    std::fs::remove_file(&path).unwrap();
    for _ in 0..2 {
        file.shared.poll().await;
    }
    assert_eq!(file.get().as_deref(), Some(&1));
    assert!(matches!(file.error(), Some(FileError::Unreadable(_))));
}

#[tokio::test]
async fn symlink_swap_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n");
    std::fs::write(&path, "1").unwrap();
    let file = ReloadingFile::open_secret("--n", path.clone(), number).await;
    let mut changes = file.changes();
    // As for a ConfigMap.
    std::fs::write(folder.path().join("next"), "2").unwrap();
    std::os::unix::fs::symlink(folder.path().join("next"), folder.path().join("link")).unwrap();
    std::fs::rename(folder.path().join("link"), &path).unwrap();
    changes.wait_for(|value| value.as_deref() == Some(&2)).await.unwrap();
    assert!(file.get_fresh(Duration::from_secs(60)).is_some());
}

#[tokio::test]
async fn calls_share_only_a_reading_that_begins_after_them() {
    let Polled { folder, file } = Polled::document().await;
    let shared = &file.shared;
    let mut ended = shared.ended.lock().await;
    // The first reading has begun, so it may have missed the change.
    shared.begun.store(1, Ordering::SeqCst);
    std::fs::write(folder.path().join("n"), "2").unwrap();
    let mut calls = Box::pin(join_all((0..8).map(|_| shared.poll())));
    assert!(futures_util::poll!(&mut calls).is_pending());
    *ended = 1;
    drop(ended);
    calls.await;
    assert_eq!((file.get().as_deref(), shared.begun.load(Ordering::SeqCst)), (Some(&2), 2));
    shared.poll().await;
    assert_eq!(shared.begun.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn document_is_used_after_one_good_reading() {
    let document = Polled::document().await;
    for (content, value) in [("2", 2), (" 2", 2), ("x", 2), ("3 ", 3), ("", 3), ("4", 4)] {
        assert_eq!(document.write(content).await, Some(value), "{content:?}");
    }
}

#[tokio::test]
async fn failure_is_reported_once_it_persists() {
    let document = Polled::document().await;
    let mut changes = document.file.changes();
    changes.mark_unchanged();
    // Each half-written content is followed by the whole one.
    for (content, error) in [
        ("1x", None),
        ("1", None),
        ("1y", None),
        ("1yy", Some("1yy")),
        ("1z", Some("1yy")),
        ("1zz", Some("1yy")),
        ("1zz", Some("1zz")),
    ] {
        document.write(content).await;
        assert_eq!(document.file.error(), error.map(not_a_number), "{content}");
    }
    assert!(!changes.has_changed().unwrap(), "the value was the same all the time");
    document.write("1").await;
    assert_eq!((document.file.error(), changes.has_changed().unwrap()), (None, true));
}

#[tokio::test]
async fn secret_is_used_after_two_agreeing_readings() {
    let secret = Polled::secret().await;
    for half_written in ["2", "23", "234"] {
        assert_eq!(secret.write(half_written).await, Some(1));
    }
    assert_eq!(secret.write("234").await, Some(234));
}

#[tokio::test]
async fn white_space_and_failed_readings_do_not_delay_a_secret() {
    let secret = Polled::secret().await;
    assert_eq!(secret.write("2\n").await, Some(1));
    assert_eq!(secret.write("").await, Some(1));
    let mut changes = secret.file.changes();
    assert_eq!(secret.write("2 \n").await, Some(2));
    assert!(changes.borrow_and_update().is_some());
    assert_eq!(secret.write(" 2").await, Some(2));
    assert!(!changes.has_changed().unwrap(), "the same secret is not a change");
}

#[tokio::test]
async fn secret_that_differs_in_each_reading_is_never_used() {
    let secret = Polled::secret().await;
    for content in ["2", "3", "2", "", "3", "2"] {
        assert_eq!(secret.write(content).await, Some(1));
    }
}

#[tokio::test]
async fn missing_file_has_no_value() {
    let folder = tempfile::tempdir().unwrap();
    let file = ReloadingFile::open_document("--n", folder.path().join("n"), number).await;
    assert!(file.get().is_none() && file.get_fresh(Duration::MAX).is_none() && file.error().is_some());
}

#[tokio::test]
async fn pipe_is_refused_instead_of_blocking() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let file = ReloadingFile::open_document("--n", path, number).await;
    assert_eq!(file.error(), Some(FileError::NotAFile));
}

#[tokio::test]
async fn file_is_still_read_after_its_parser_panicked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n");
    std::fs::write(&path, "1").unwrap();
    let file = ReloadingFile::open_document("--n", path.clone(), number).await;
    let mut changes = file.changes();
    let panicked = Arc::clone(&file.shared);
    // Not UTF-8, so the parser panics while it holds the lock.
    std::fs::write(&path, [0xff]).unwrap();
    while !panicked.seen.is_poisoned() {
        tokio::task::yield_now().await;
    }
    std::fs::write(&path, "2").unwrap();
    changes.wait_for(|value| value.as_deref() == Some(&2)).await.unwrap();
}

#[tokio::test]
async fn pair_is_used_once_both_files_fit_in_two_readings() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a", "b"].map(|name| folder.path().join(name));
    let write =
        |values: [&str; 2]| paths.iter().zip(values).for_each(|(path, text)| std::fs::write(path, text).unwrap());
    let sum = |first: &[u8], second: &[u8]| match (number(first), number(second)) {
        (Ok(first), Ok(second)) if first == second => Ok(first),
        _ => Err(FileError::Invalid("numbers are not equal".to_owned())),
    };
    write(["1", "1"]);
    let file = ReloadingFile::open_pair("--n", paths.clone(), sum).await;
    file._poll.abort();
    for (values, used, error) in [
        (["2", "1"], 1, None),
        (["2", "2"], 1, None),
        (["2", "2"], 2, None),
        (["2", "3"], 2, None),
        (["2", "3"], 2, Some(FileError::Invalid("numbers are not equal".to_owned()))),
    ] {
        write(values);
        file.shared.poll().await;
        assert_eq!((file.get().as_deref(), file.error()), (Some(&used), error), "{values:?}");
    }
    std::fs::remove_file(&paths[1]).unwrap();
    for _ in 0..2 {
        file.shared.poll().await;
    }
    assert!(file.error().unwrap().to_string().starts_with(&format!("{}: ", paths[1].display())));
}
