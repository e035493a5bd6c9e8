//! A connection, and what is prepared in its session.

use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::PgConnection;
use uuid::Uuid;

use crate::adapters::directory::{
    failure::{Failure, FailureKind},
    query::Query,
};

/// How many answers of one process in a row make a prepared statement worthwhile. A pooler in transaction mode is usually
/// noticed before, because the process changes.
const ANSWERS: u32 = 5;

/// A connection to a server.
pub(super) struct Session {
    pub(super) connection: PgConnection,
    /// The process that answered last, and how many answers in a row came from it.
    process: Option<(Vec<u8>, u32)>,
    /// The name of the prepared query of a call. It is random, so that a statement with this name in the session is the one
    /// that this connection prepared, even if others use the session.
    prepared: Option<String>,
}

/// A query as it is sent.
pub(super) struct Message {
    pub(super) statements: String,
    /// The statement that the message prepares or runs.
    name: Option<String>,
}

impl Session {
    pub(super) fn new(connection: PgConnection) -> Self {
        Self { connection, process: None, prepared: None }
    }

    /// Returns how the query is sent. `is_pooled` says whether another session may receive the message.
    pub(super) fn message(&self, query: &Query, is_pooled: &AtomicBool) -> Message {
        let has_answered = self.process.as_ref().is_some_and(|(_, answers)| *answers >= ANSWERS);
        if !query.has_general_plan || !has_answered || is_pooled.load(Ordering::Relaxed) {
            return Message { statements: query.text().to_string(), name: None };
        }
        if let Some(name) = &self.prepared {
            return Message { statements: query.execute(name), name: Some(name.clone()) };
        }
        let name = format!("billing_portal_{}", Uuid::new_v4().simple());
        Message { statements: format!("{};\n{}", query.prepare(&name), query.execute(&name)), name: Some(name) }
    }

    /// Returns whether prepared statements fail here: the session does not know the one that was prepared, or something between
    /// rejects the message that prepares.
    pub(super) fn cannot_run(&self, message: &Message, failure: &Failure) -> bool {
        let is_first =
            self.prepared.is_none() && !matches!(failure.kind, FailureKind::Timeout | FailureKind::Connection);
        message.name.is_some() && (is_first || failure.is_unknown_statement())
    }

    /// Records an answer of a process to a message.
    pub(super) fn answered(&mut self, message: Message, process: Vec<u8>, is_pooled: &AtomicBool) {
        self.prepared = message.name.or_else(|| self.prepared.take());
        self.process = Some(match self.process.take() {
            Some((before, answers)) if before == process => (process, answers.saturating_add(1)),
            Some(_) => {
                is_pooled.store(true, Ordering::Relaxed);
                (process, 1)
            }
            None => (process, 1),
        });
    }
}
