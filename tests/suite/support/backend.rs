//! The example backends as separate processes.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    net::TcpSocket,
    process::{Child, ChildStdout, Command},
};

pub(crate) fn rust() -> Vec<PathBuf> {
    let path = Path::new(env!("CARGO_BIN_EXE_billing-portal")).with_file_name("examples").join("bff");
    assert!(path.exists(), "build the example first: cargo build --example bff");
    vec![path]
}

pub(crate) fn typescript() -> Vec<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bff-typescript/build/main.js");
    assert!(path.exists(), "build the example first; tests/run builds it");
    vec!["node".into(), path]
}

/// The origin of a backend. The socket keeps the port from other tests. On Linux, the backend can listen on it nevertheless,
/// because neither socket prevents the reuse of its address, and this one does not listen.
pub(crate) struct Origin(TcpSocket);

impl Origin {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self(socket)
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    pub(crate) fn page(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }
}

pub(crate) struct Backend {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Backend {
    /// Starts a backend in a shell that has run the lines, and returns once it listens.
    pub(crate) async fn start(program: Vec<PathBuf>, exports: &str) -> Self {
        let mut child = command(program, exports).stdout(Stdio::piped()).spawn().unwrap();
        let mut backend = Self { lines: BufReader::new(child.stdout.take().unwrap()).lines(), _child: child };
        assert!(backend.next_line().await.starts_with("Settings page: "));
        backend
    }

    pub(crate) async fn next_line(&mut self) -> String {
        self.lines.next_line().await.unwrap().expect("the backend exited early")
    }
}

/// Returns the error that a backend prints if it does not start with these lines.
pub(crate) async fn startup_error(program: Vec<PathBuf>, exports: &str) -> String {
    let output = command(program, exports).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

fn command(program: Vec<PathBuf>, exports: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-ec", &format!("{exports}\nexec \"$@\""), "sh"]).args(program).kill_on_drop(true);
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).stdin(Stdio::null());
    command
}
