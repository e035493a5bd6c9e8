//! No task or thread can end in silence: each is started by `src/supervisor`, or it is listed here with how its panic is noticed.

use super::sources::{code_without_tests, sources};

/// The files that start tasks or threads on their own, and how many.
const STARTS: [(&str, usize); 13] = [
    // The thread runs only what `supervisor::run` restarts.
    ("src/adapters/audit_log.rs", 1),
    // Each query waits for its tasks; a panic is DATABASE_UNAVAILABLE.
    ("src/adapters/directory/postgres/mod.rs", 1),
    ("src/adapters/directory/postgres/primary.rs", 2),
    // It returns or closes one connection; a panic closes it.
    ("src/adapters/directory/postgres/transaction.rs", 1),
    // A panic is DATABASE_UNAVAILABLE for the query that has caused it, and the thread continues.
    ("src/adapters/directory/sqlite/threads.rs", 1),
    // Without signals, the process exits.
    ("src/commands/serve.rs", 1),
    // The call waits for its task; a panic is BUG.
    ("src/grpc/layers/detach.rs", 1),
    // The reading waits for its task; a panic is the error of this reading.
    ("src/reload/file/read.rs", 1),
    // A panic closes one connection.
    ("src/server/connections.rs", 1),
    // A panic resets the stream of one call that was refused.
    ("src/server/late.rs", 1),
    ("src/supervisor/mod.rs", 1),
    // The end of the process waits for the thread.
    ("src/telemetry/otlp/mod.rs", 1),
    // Without the thread, log lines are written directly.
    ("src/telemetry/stderr.rs", 1),
];

#[test]
fn every_task_is_supervised_or_its_end_is_noticed() {
    let mut found: Vec<_> = sources("src")
        .into_iter()
        .filter(|(path, _)| path.file_name().is_none_or(|name| name != "tests.rs"))
        .map(|(path, text)| {
            (
                path.display().to_string(),
                code_without_tests(&text)
                    .replace("supervisor::spawn(", "")
                    .replace("fn spawn<", "")
                    .matches("spawn")
                    .count(),
            )
        })
        .filter(|(_, starts)| *starts > 0)
        .collect();
    found.sort();
    assert_eq!(found, STARTS.map(|(path, starts)| (path.to_owned(), starts)));
}
