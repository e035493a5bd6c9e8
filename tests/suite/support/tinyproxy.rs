//! A tinyproxy process that demands credentials.

use std::{
    io::{BufRead as _, BufReader, Lines},
    net::TcpListener,
    process::{Child, ChildStdout, Command, Stdio},
};

use tempfile::TempDir;

pub(crate) struct Tinyproxy {
    pub(crate) address: String,
    child: Child,
    log: Lines<BufReader<ChildStdout>>,
    _folder: TempDir,
}

impl Tinyproxy {
    /// Starts it for a user with a password.
    pub(crate) fn start(user: &str, password: &str) -> Self {
        // It cannot choose a port, and another process may take a free one first.
        (0..10).find_map(|_| Self::try_start(user, password)).expect("tinyproxy does not start")
    }

    fn try_start(user: &str, password: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let settings = format!(
            "Listen 127.0.0.1\nPort {}\nTimeout 600\nMaxClients 100\nLogLevel Info\nBasicAuth {user} {password}\n",
            address.port()
        );
        std::fs::write(folder.path().join("tinyproxy.conf"), settings).unwrap();
        let mut command = Command::new("tinyproxy");
        command.args(["-d", "-c", "tinyproxy.conf"]).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("tinyproxy is missing; tests/run installs it");
        let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
        if log.by_ref().map_while(Result::ok).any(|line| line.contains("Accepting connections")) {
            return Some(Self { address: address.to_string(), child, log, _folder: folder });
        }
        child.wait().unwrap();
        None
    }

    /// Stops it, and returns the server of each request that it received.
    pub(crate) fn stop(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        let lines = self.log.by_ref().map(Result::unwrap);
        let server = |line: String| Some(line.split_once(": CONNECT ")?.1.split(' ').next()?.to_owned());
        lines.filter_map(server).collect()
    }
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        self.child.wait().unwrap();
    }
}
