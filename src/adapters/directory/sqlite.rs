//! The embedded directory: a SQLite file, opened read-only.

mod threads;

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, Row, params_from_iter, types::ValueRef};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{timeout, timeout_at},
};

use threads::Threads;

use super::{
    connections::Limits,
    facts::{Cell, Fact, Value},
    failure::{Failure, FailureKind, GRACE},
    idle::{IdleConnections, Open},
    query::Query,
    tenant_share::TenantShare,
};

/// How long a query waits for a lock of another process at most.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How many instructions of its virtual machine SQLite executes before it compares the time with the limit.
const CHECK_INTERVAL: i32 = 1_000;

/// A pool that opens the file on first use.
pub(super) struct SqliteConnections {
    file: Arc<File>,
    threads: Threads<Job>,
    max_connections: usize,
    /// As many as there may be queries.
    free: Arc<Semaphore>,
    acquire_timeout: Duration,
    /// The time limit of a query, whether or not a call still waits for it.
    query_limit: Duration,
}

/// What a query holds until it has ended.
type Held = (OwnedSemaphorePermit, Option<TenantShare>);

/// A query, and the call that waits for it. What the query holds is sent with the result, so that the thread of the call is
/// woken once, and not a second time by the call that gets the connection next.
struct Job {
    query: Query,
    deadline: Instant,
    held: Held,
    call: oneshot::Sender<(Result<Vec<Fact>, Failure>, Held)>,
}

/// The file and its connections.
struct File {
    path: PathBuf,
    idle: IdleConnections<Connection>,
    lock_timeout: Duration,
}

impl SqliteConnections {
    pub(super) fn new(path: &Path, limits: Limits) -> Self {
        let max_connections = limits.max_connections as usize;
        let query_limit = limits.query + GRACE;
        let file = Arc::new(File {
            path: path.to_owned(),
            idle: IdleConnections::new(limits.lifetime),
            lock_timeout: LOCK_TIMEOUT.min(query_limit),
        });
        let threads = Threads::new(max_connections, {
            let file = Arc::clone(&file);
            move |Job { query, deadline, held, call }| drop(call.send((file.fetch(&query, deadline), held)))
        });
        Self {
            file,
            threads,
            max_connections,
            free: Arc::new(Semaphore::new(max_connections)),
            acquire_timeout: limits.acquire,
            query_limit,
        }
    }

    /// Returns the number of connections in use and the number of idle ones.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.max_connections.saturating_sub(self.free.available_permits()), self.file.idle.count())
    }

    /// Runs the query, which continues until its time limit if the call is cancelled.
    pub(super) async fn fetch(&self, query: Query, share: Option<TenantShare>) -> Result<Vec<Fact>, Failure> {
        let free = timeout(self.acquire_timeout, Arc::clone(&self.free).acquire_owned()).await;
        let free = free.ok().and_then(Result::ok).ok_or(FailureKind::NoConnection)?;
        let deadline = Instant::now() + self.query_limit;
        let (call, outcome) = oneshot::channel();
        self.threads.add(Job { query, deadline, held: (free, share), call });
        // SQLite ends the query itself, unless the disk does not respond.
        let (facts, _held) = timeout_at(deadline.into(), outcome).await?.map_err(|_| FailureKind::Driver)?;
        facts
    }
}

impl File {
    /// Runs the query on this thread. A connection whose query has failed is closed.
    fn fetch(&self, query: &Query, deadline: Instant) -> Result<Vec<Fact>, Failure> {
        let open = match self.idle.take() {
            Some((open, _)) => open,
            None => Open::new(open(&self.path, self.lock_timeout)?),
        };
        match facts(&open.connection, query, deadline) {
            Err(_) if Instant::now() >= deadline => Err(FailureKind::Timeout.into()),
            Err(failure) => Err(failure),
            Ok(facts) => {
                self.idle.put(open);
                Ok(facts)
            }
        }
    }
}

/// Opens a connection that can only read. The file is never created.
pub(super) fn open(path: &Path, lock_timeout: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(lock_timeout)?;
    Ok(connection)
}

fn facts(connection: &Connection, query: &Query, deadline: Instant) -> Result<Vec<Fact>, Failure> {
    connection.progress_handler(CHECK_INTERVAL, Some(move || Instant::now() >= deadline))?;
    let values = query.values.iter().map(|value| match value {
        Value::Text(text) => Some(Cow::Borrowed(text.as_str())),
        Value::Bytes(bytes) => bytes.as_deref().map(String::from_utf8_lossy),
    });
    let mut statement = connection.prepare_cached(&query.text())?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut facts = Vec::new();
    while let Some(row) = rows.next()? {
        facts.push(fact(row)?);
    }
    Ok(facts)
}

fn fact(row: &Row<'_>) -> Result<Fact, Failure> {
    let cell = |column| match row.get_ref(column) {
        Ok(ValueRef::Null) => Cell::Null,
        Ok(ValueRef::Text(text)) => match str::from_utf8(text) {
            Ok(text) => Cell::Text(text.to_owned()),
            Err(_) => Cell::NotText(Vec::new()),
        },
        Ok(ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_)) | Err(_) => Cell::NotText(Vec::new()),
    };
    Ok(Fact::read(row.get(0)?, cell))
}
