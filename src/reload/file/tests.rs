use super::*;

fn number(bytes: &[u8]) -> Result<u32, &'static str> {
    std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok()).ok_or("not a number")
}

async fn poll_twice(file: &ReloadingFile<u32>) {
    file.shared.poll().await;
    file.shared.poll().await;
}

#[tokio::test]
async fn invalid_or_deleted_file_keeps_the_last_valid_value() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n");
    std::fs::write(&path, "1").unwrap();
    let file = ReloadingFile::open("--n", path.clone(), number).await;
    let mut changes = file.changes();
    assert_eq!(file.get().as_deref(), Some(&1));

    std::fs::write(&path, "garbage").unwrap();
    poll_twice(&file).await;
    assert_eq!(file.get().as_deref(), Some(&1));
    assert_eq!(file.error(), Some(FileError::Invalid("not a number".to_owned())));
    assert!(file.get_fresh(Duration::ZERO).is_none());

    std::fs::remove_file(&path).unwrap();
    poll_twice(&file).await;
    assert_eq!(file.get().as_deref(), Some(&1));

    // An atomic symlink swap, as for a ConfigMap.
    std::fs::write(folder.path().join("next"), "2").unwrap();
    std::os::unix::fs::symlink(folder.path().join("next"), folder.path().join("link")).unwrap();
    std::fs::rename(folder.path().join("link"), &path).unwrap();
    changes.wait_for(|value| value.as_deref() == Some(&2)).await.unwrap();
    assert!(file.get_fresh(Duration::from_secs(60)).is_some());
}

#[tokio::test]
async fn new_content_is_used_after_two_agreeing_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n");
    std::fs::write(&path, "1").unwrap();
    let file = ReloadingFile::open("--n", path.clone(), number).await;
    file.poll.abort();
    for half_written in ["2", "23", "234"] {
        std::fs::write(&path, half_written).unwrap();
        file.shared.poll().await;
        assert_eq!(file.get().as_deref(), Some(&1));
    }
    file.shared.poll().await;
    assert_eq!(file.get().as_deref(), Some(&234));
}

#[tokio::test]
async fn missing_file_has_no_value() {
    let folder = tempfile::tempdir().unwrap();
    let file = ReloadingFile::open("--n", folder.path().join("n"), number).await;
    assert!(file.get().is_none() && file.get_fresh(Duration::MAX).is_none() && file.error().is_some());
}
