//! The real binary as a separate process.

use std::{
    ffi::OsStr,
    fs::File,
    io::{Read as _, Write as _},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use rustix::{
    fs::{Mode, OFlags},
    process::{Pid, Resource, Rlimit, prlimit},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

use super::{
    Issuer, World,
    settings::{arguments, override_settings},
};

pub(crate) fn binary() -> Command {
    isolated(env!("CARGO_BIN_EXE_billing-portal"))
}

/// Returns the binary of the service: the one in the variable, or that of a debug build.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("BILLING_PORTAL_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_billing-portal").into()).into()
}

pub(crate) fn backfill_binary() -> Command {
    isolated(env!("CARGO_BIN_EXE_billing-portal-backfill"))
}

/// Returns the command of a program that inherits nothing from the test process.
pub(crate) fn isolated(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Returns a folder with valid files, and the settings that refer to them.
pub(crate) fn valid_settings() -> (TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("jwks.json"), Issuer::new("k").jwks().to_string()).unwrap();
    std::fs::write(folder.path().join("stripe.key"), "sk_test_abc123").unwrap();
    let mut arguments = arguments(&folder, "http://127.0.0.1:1");
    arguments.push("--listen=127.0.0.1:0".to_owned());
    (folder, arguments)
}

/// A running service process.
pub(crate) struct Serving {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    /// The log up to the line that reports the listening address.
    pub(crate) startup_log: String,
    /// The log so far.
    log_so_far: watch::Receiver<String>,
    /// The whole log, once the process has exited.
    pub(crate) log: JoinHandle<String>,
}

impl Serving {
    /// Waits until the log has a number of lines with a text, and returns them.
    pub(crate) async fn wait_for_lines(&self, text: &str, count: usize) -> Vec<String> {
        self.wait_for_lines_within(Duration::from_secs(30), text, count).await
    }

    pub(crate) async fn wait_for_lines_within(&self, limit: Duration, text: &str, count: usize) -> Vec<String> {
        let lines = |log: &str| log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect::<Vec<_>>();
        let mut log_so_far = self.log_so_far.clone();
        let found = timeout(limit, log_so_far.wait_for(|log| lines(log).len() >= count)).await;
        lines(&found.unwrap_or_else(|_| panic!("not {count} times in the log: {text}")).unwrap())
    }
}

/// Starts the binary and waits until it logs its listening address.
pub(crate) async fn serve(mut command: Command) -> Serving {
    listening(command.spawn().unwrap()).await
}

/// Waits until a process logs its listening address.
pub(crate) async fn listening(mut child: Child) -> Serving {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut text = String::new();
    let address = loop {
        let line = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("the service exited early: {text}"));
        text.push_str(&line);
        text.push('\n');
        let json: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if json["message"] == "listening" {
            break json["address"].as_str().unwrap().parse().unwrap();
        }
    };
    let startup_log = text.clone();
    let (log, log_so_far) = watch::channel(text);
    let log = tokio::spawn(async move {
        while let Some(line) = lines.next_line().await.unwrap() {
            log.send_modify(|text| {
                text.push_str(&line);
                text.push('\n');
            });
        }
        log.borrow().clone()
    });
    Serving { child, address, startup_log, log_so_far, log }
}

/// Starts the [`program`] with arguments.
pub(crate) async fn serve_program(arguments: &[String]) -> Serving {
    let mut command = isolated(program());
    command.args(arguments);
    serve(command).await
}

/// Starts the binary with arguments and a log level.
pub(crate) async fn serve_at(level: &str, arguments: &[String]) -> Serving {
    let mut command = binary();
    command.args(arguments).env("RUST_LOG", level);
    serve(command).await
}

/// Starts the binary in a shell that runs `setup` first, such as `ulimit` or `exec` with redirections.
pub(crate) fn binary_after(setup: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{setup}\nexec \"$@\""), "sh", env!("CARGO_BIN_EXE_billing-portal")]);
    command.env_clear().kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits until a process that cannot start exits; returns its exit code and the only line of its error output.
pub(crate) async fn startup_error(mut command: Command) -> (Option<i32>, String) {
    let output = timeout(Duration::from_secs(30), command.output()).await.expect("the process does not exit").unwrap();
    let error = text(&output.stderr);
    assert_eq!(error.lines().count(), 1, "{error}");
    (output.status.code(), error.to_owned())
}

/// Creates a named pipe, and returns a reader of it.
pub(crate) fn pipe_reader(path: &Path) -> File {
    create_pipe(path);
    open_pipe(path, OFlags::RDONLY)
}

/// Opens a named pipe for reading or writing, without waiting for the other side.
pub(crate) fn open_pipe(path: &Path, access: OFlags) -> File {
    rustix::fs::open(path, access | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).unwrap().into()
}

/// Creates a named pipe that nobody has opened.
pub(crate) fn create_pipe(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Creates a named pipe, fills it, and returns a writer with these flags, and a reader that does not wait.
pub(crate) fn full_pipe(path: &Path, flags: OFlags) -> (File, File) {
    let (writer, reader) = empty_pipe(path, flags);
    fill(&reader, b'.');
    (writer, reader)
}

/// Creates a named pipe, and returns a writer with these flags, and a reader that does not wait.
pub(crate) fn empty_pipe(path: &Path, flags: OFlags) -> (File, File) {
    create_pipe(path);
    // Linux opens a pipe for both without waiting for the other side.
    let open = |flags: OFlags| {
        let mut options = File::options();
        options.read(true).write(true).custom_flags(flags.bits().cast_signed()).open(path).unwrap()
    };
    (open(flags), open(OFlags::NONBLOCK))
}

/// Fills a pipe with a character.
pub(crate) fn fill(mut pipe: &File, character: u8) {
    for size in [4_096, 1] {
        while pipe.write(&vec![character; size]).is_ok() {}
    }
}

/// Reads what is in a pipe, up to a number of bytes.
pub(crate) fn read_some(mut reader: &File, limit: u64, received: &mut Vec<u8>) {
    // Fails when the pipe is empty, after it has returned its content.
    drop((&mut reader).take(limit).read_to_end(received));
}

pub(crate) fn signal(child: &Child, signal: &str) {
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("sh").args(["-c", &format!("kill {signal} {id}")]).status().unwrap().success());
}

/// Runs the binary on valid settings, with some changed, until it exits.
pub(crate) async fn run_with(changes: &[&str], variables: &[(&str, &str)]) -> Output {
    let (_folder, mut arguments) = valid_settings();
    override_settings(&mut arguments, changes);
    binary().args(arguments).envs(variables.iter().copied()).output().await.unwrap()
}

/// Runs a command on a world's settings until it exits.
pub(crate) async fn run(world: &World, command: &[&str], changes: &[&str]) -> Output {
    let arguments = world.settings(changes);
    binary().args(command).args(arguments).output().await.unwrap()
}

/// Returns a value of a process in KiB: `VmRSS`, or `VmHWM` for its peak. A process that has ended has none.
pub(crate) fn memory(process: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Runs a program until it exits. Also returns the largest memory that it has used, in KiB.
pub(crate) async fn output_and_peak_memory(mut command: Command) -> (Output, u64) {
    let child = command.spawn().unwrap();
    let process = child.id().unwrap();
    let mut output = std::pin::pin!(child.wait_with_output());
    let mut peak = 0;
    loop {
        tokio::select! {
            output = &mut output => return (output.unwrap(), peak),
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                peak = peak.max(memory(process, "VmHWM").unwrap_or_default());
            }
        }
    }
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Changes a limit of a running process (prlimit(2)), and returns what it was before.
pub(crate) fn limit(child: &Child, resource: Resource, limit: Rlimit) -> Rlimit {
    prlimit(Pid::from_raw(child.id().unwrap().cast_signed()), resource, limit).unwrap()
}
