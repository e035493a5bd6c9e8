//! The simulator as a process, and the values that it prints.

use std::{collections::HashMap, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// A running simulator process, which is killed on drop.
pub(crate) struct Process {
    child: Child,
    printed: HashMap<String, String>,
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stripe-simulator"));
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command
}

impl Process {
    /// Starts a process on a free port. Returns when it has printed all values.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).arg("--listen=127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut printed = HashMap::new();
        let last = if arguments.contains(&"--tls") { "STRIPE_CA_FILE" } else { "STRIPE_LIVE_KEY" };
        while !printed.contains_key(last) {
            let line = lines.next_line().await.unwrap().expect("the simulator ended before it printed all values");
            let (name, value) = line.split_once('=').unwrap();
            printed.insert(name.to_owned(), value.to_owned());
        }
        Self { child, printed }
    }

    pub(crate) fn value(&self, name: &str) -> &str {
        &self.printed[name]
    }

    pub(crate) const fn printed(&self) -> &HashMap<String, String> {
        &self.printed
    }

    /// Sends a signal, waits for the process to end, and returns the exit code.
    pub(crate) async fn end(mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().unwrap();
        let kill = Command::new("sh").args(["-c", &format!("kill -{signal} {id}")]).status().await.unwrap();
        assert!(kill.success());
        self.child.wait().await.unwrap().code()
    }
}
