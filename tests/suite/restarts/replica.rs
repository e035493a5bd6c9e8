//! A replica: the real binary with its own port and audit file, as a pod has its own address and volume.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{
    World,
    files::json_lines,
    process::{Serving, serve_at, signal},
};

pub(super) struct Replica {
    pub(super) serving: Serving,
    audit: PathBuf,
}

/// What a replica leaves behind.
pub(super) struct Ended {
    /// The trace and the reason of each audit outcome.
    pub(super) outcomes: Vec<(String, String)>,
    /// How many calls were in flight when the drain began.
    pub(super) drained_calls: u64,
}

impl Replica {
    /// Starts a replica, and returns when it listens. It may not be ready yet.
    pub(super) async fn start(world: &World, number: usize) -> Self {
        let audit = world.path(&format!("audit-{number}.jsonl"));
        let audit_setting = format!("--audit=file:{}", audit.display());
        let arguments = world.settings(&["--listen=127.0.0.1:0", &audit_setting]);
        Self { serving: serve_at("info", &arguments).await, audit }
    }

    /// Sends SIGTERM, and waits for the end of the drain.
    pub(super) async fn terminate(mut self) -> Ended {
        signal(&self.serving.child, "-TERM");
        let status = self.serving.child.wait().await.unwrap();
        let log = self.serving.log.await.unwrap();
        assert_eq!(status.code(), Some(0), "{log}");
        let draining = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_default());
        let draining = draining.into_iter().find(|line| line["message"] == "draining").unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let outcomes = json_lines(&self.audit)
            .into_iter()
            .filter(|entry| entry["event"] == "outcome")
            .map(|entry| (text(&entry["trace_id"]), text(&entry["reason"])));
        Ended { outcomes: outcomes.collect(), drained_calls: draining["calls"].as_u64().unwrap() }
    }
}
