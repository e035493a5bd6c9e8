//! Integration: what the process inherits at startup — standard output, pipes, the limit of open files — and refuses.

use std::{path::Path, time::Duration};

use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use tonic_health::pb::health_check_response::ServingStatus;

use crate::support::{
    World,
    process::{Serving, binary, binary_after, create_pipe, serve, signal, startup_error, valid_settings},
    settings::override_settings,
    world::FLAG_OFF,
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
    let arguments = world.settings(&["--audit=stdout"]);
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

#[tokio::test]
async fn too_low_limit_of_open_files_prevents_startup_and_names_both_numbers() {
    let (_folder, mut arguments) = valid_settings();
    let changes = ["--max-connections=100", "--max-in-flight=50", "--deadline=10s", "--stripe-rate=10000"];
    override_settings(&mut arguments, &changes);
    // 100 connections and 16 that are closing, 8 of SQLite with 3 files each, 50 calls with 2 requests each, and a margin of 64.
    for (limit, starts) in [("64", false), ("303", false), ("304", true)] {
        let mut command = binary_after(&format!("ulimit -n {limit}"));
        command.args(&arguments);
        if starts {
            let Serving { mut child, .. } = serve(command).await;
            signal(&child, "-TERM");
            assert_eq!(child.wait().await.unwrap().code(), Some(0));
        } else {
            let (code, error) = startup_error(command).await;
            assert_eq!(code, Some(64), "{error}");
            let numbers = format!("need 304 open files, but the system allows {limit};");
            assert!(error.starts_with("billing-portal: --max-connections:") && error.contains(&numbers), "{error}");
        }
    }
}

#[tokio::test]
async fn failure_before_logging_is_one_line() {
    let (_folder, arguments) = valid_settings();
    let files = (5..=9).map(|limit| (format!("ulimit -n {limit}"), "open files"));
    // No address space is left for a stack of this size, so no thread can be started.
    let threads = ("export RUST_MIN_STACK=100000000000000".to_owned(), "thread");
    for (setup, what) in files.chain([threads]) {
        let mut command = binary_after(&setup);
        command.args(&arguments);
        let (code, error) = startup_error(command).await;
        assert!(matches!(code, Some(1 | 64)), "{setup}: {code:?}, {error}");
        assert!(error.starts_with("billing-portal: ") && error.contains(what), "{setup}: {error}");
    }
}

#[tokio::test]
async fn exit_code_is_kept_if_nothing_can_be_printed() {
    for (setup, argument, code) in [
        ("exec 2>/dev/full", "--no-such-flag", 64),
        ("exec 2>&-", "--no-such-flag", 64),
        ("exec >/dev/full", "--help", 1),
    ] {
        let output = binary_after(setup).arg(argument).output().await.unwrap();
        assert_eq!(output.status.code(), Some(code), "{setup}");
    }
}

#[tokio::test]
async fn idle_connections_do_not_hide_the_flag_file() {
    let mut world = World::start().await;
    let arguments = world.settings(&["--listen=127.0.0.1:0"]);
    let mut command = binary_after("ulimit -Sn 64");
    command.args(&arguments);
    let Serving { mut child, address, .. } = serve(command).await;
    world.connect_to(address).await;
    let mut idle = Vec::new();
    for _ in 0..176 {
        let mut connection = TcpStream::connect(address).await.unwrap();
        // The preface and empty settings (RFC 9113, sections 3.4 and 6.5).
        connection.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        idle.push(connection);
    }
    std::fs::write(world.path("flags.json"), FLAG_OFF).unwrap();
    let off = world.wait_for_health("billing.portal.v1.BillingPortal", ServingStatus::NotServing);
    timeout(Duration::from_secs(10), off).await.expect("the flag file is not read");
    drop(idle);
    signal(&child, "-TERM");
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}
