//! The real binary as a separate process, observed through its log.

use std::{process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    time::timeout,
};

use super::process::signal;

/// A service process, killed on drop.
pub(crate) struct Service {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    /// Everything logged so far.
    pub(crate) log: String,
}

impl Service {
    /// Starts the binary at log level `trace`, with only these environment variables.
    pub(crate) fn start(arguments: &[String], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_billing-portal"));
        command.env_clear().env("RUST_LOG", "trace").envs(variables.iter().copied()).args(arguments);
        command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines, log: String::new() }
    }

    /// Reads up to the next log line with this message, and returns its fields.
    pub(crate) async fn wait_for_log(&mut self, message: &str) -> Value {
        loop {
            let line = timeout(Duration::from_secs(30), self.lines.next_line()).await.expect(message).unwrap();
            let line = line.unwrap_or_else(|| panic!("the service exited without logging {message:?}:\n{}", self.log));
            self.log += &line;
            self.log.push('\n');
            match serde_json::from_str::<Value>(&line) {
                Ok(fields) if fields["message"] == message => return fields,
                _ => {}
            }
        }
    }

    /// Stops the process, and returns everything that it logged. Log lines that are still queued would be lost if it were
    /// killed.
    pub(crate) async fn stop(mut self) -> String {
        signal(&self.child, "-TERM");
        while let Some(line) = self.lines.next_line().await.unwrap() {
            self.log += &line;
            self.log.push('\n');
        }
        self.log
    }
}
