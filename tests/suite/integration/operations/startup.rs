//! Integration: what the process inherits at startup — standard output, pipes — and refuses.

use std::path::Path;

use crate::support::{
    World,
    process::{binary, binary_after, create_pipe, startup_error, valid_settings},
    world::{arguments, override_settings},
};

#[tokio::test]
async fn audit_log_that_discards_entries_prevents_startup() {
    let (_folder, mut arguments) = valid_settings();
    override_settings(&mut arguments, &["--audit=stdout"]);
    for redirection in ["exec >&-", "exec >/dev/null"] {
        let mut command = binary_after(redirection);
        command.args(&arguments);
        let (code, error) = startup_error(command).await;
        assert_eq!(code, Some(64), "{error}");
        assert!(error.contains("--audit: standard output is closed or /dev/null"), "{error}");
    }
}

#[tokio::test]
async fn standard_output_of_check_is_not_the_audit_log() {
    let world = World::start().await;
    let mut arguments = arguments(&world.folder, world.stripe.base_url());
    arguments.remove(0);
    override_settings(&mut arguments, &["--audit=stdout"]);
    let status = binary_after("exec >/dev/null").arg("check").args(arguments).status().await.unwrap();
    assert_eq!(status.code(), Some(0));
}

async fn refuses_audit_file(path: &Path, problem: &str) {
    let (_folder, mut arguments) = valid_settings();
    override_settings(&mut arguments, &[&format!("--audit=file:{}", path.display())]);
    let mut command = binary();
    command.args(&arguments);
    let (code, error) = startup_error(command).await;
    assert_eq!(code, Some(64), "{error}");
    assert!(error.contains("--audit:") && error.contains(problem), "{error}");
}

#[tokio::test]
async fn pipe_without_reader_prevents_startup_instead_of_blocking_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    create_pipe(&path);
    refuses_audit_file(&path, "pipe without a reader").await;
}

#[tokio::test]
async fn directory_or_socket_as_audit_log_prevents_startup() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    for path in [&path, folder.path()] {
        refuses_audit_file(path, "not a regular file, a pipe or a character device").await;
    }
}
