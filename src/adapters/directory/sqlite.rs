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
use tokio_util::sync::CancellationToken;

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

/// How many instructions of its virtual machine SQLite executes before it checks whether the query must end.
const CHECK_INTERVAL: i32 = 1_000;

/// A pool that opens the file on first use.
pub(super) struct SqliteConnections {
    file: Arc<File>,
    threads: Threads<Job>,
    max_connections: usize,
    /// As many as there may be queries.
    free: Arc<Semaphore>,
    acquire_timeout: Duration,
    query_limit: Duration,
}

/// What a query holds until it has ended, and until its call has taken the result.
type Held = (OwnedSemaphorePermit, Option<TenantShare>);

/// A query, and the call that waits for it. What the query holds is sent with the result, so that the thread of the call is
/// woken once, and not a second time by the call that gets the connection next.
struct Job {
    query: Query,
    end: End,
    held: Held,
    call: oneshot::Sender<(Result<Vec<Fact>, Failure>, Held)>,
}

/// When a query ends without a result.
#[derive(Clone)]
struct End {
    deadline: Instant,
    /// The call no longer waits.
    abandoned: CancellationToken,
}

/// The file and its connections.
struct File {
    path: PathBuf,
    idle: IdleConnections<Connection>,
}

impl SqliteConnections {
    pub(super) fn new(path: &Path, limits: Limits) -> Self {
        let max_connections = limits.max_connections as usize;
        let file = Arc::new(File { path: path.to_owned(), idle: IdleConnections::new(limits.lifetime) });
        let threads = Threads::new(max_connections, {
            let file = Arc::clone(&file);
            move |Job { query, end, held, call }| drop(call.send((file.fetch(&query, &end), held)))
        });
        Self {
            file,
            threads,
            max_connections,
            free: Arc::new(Semaphore::new(max_connections)),
            acquire_timeout: limits.acquire,
            query_limit: limits.query,
        }
    }

    /// Returns the number of connections in use and the number of idle ones.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.max_connections.saturating_sub(self.free.available_permits()), self.file.idle.count())
    }

    /// Runs the query, which ends at its time limit, or when the call is cancelled.
    pub(super) async fn fetch(&self, query: Query, share: Option<TenantShare>) -> Result<Vec<Fact>, Failure> {
        let free = timeout(self.acquire_timeout, Arc::clone(&self.free).acquire_owned()).await;
        let free = free.ok().and_then(Result::ok).ok_or(FailureKind::NoConnection)?;
        let end = End { deadline: Instant::now() + self.query_limit, abandoned: CancellationToken::new() };
        let _abandons = end.abandoned.clone().drop_guard();
        let given_up = end.deadline + GRACE;
        let (call, outcome) = oneshot::channel();
        self.threads.add(Job { query, end, held: (free, share), call });
        // SQLite ends the query itself, unless the disk does not respond.
        let (facts, _held) = timeout_at(given_up.into(), outcome).await?.map_err(|_| FailureKind::Driver)?;
        facts
    }
}

impl File {
    /// Runs the query on this thread. A connection whose query has failed is closed.
    fn fetch(&self, query: &Query, end: &End) -> Result<Vec<Fact>, Failure> {
        if end.is_due() {
            return Err(FailureKind::Timeout.into());
        }
        let open = match self.idle.take() {
            Some((open, _)) => open,
            None => Open::new(open(&self.path)?),
        };
        let facts = facts(&open.connection, query, end)?;
        self.idle.put(open);
        Ok(facts)
    }
}

impl End {
    fn is_due(&self) -> bool {
        self.abandoned.is_cancelled() || Instant::now() >= self.deadline
    }

    /// Makes what the connection does next wait for a lock for at most the time that is left.
    fn limit_wait(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.busy_timeout(LOCK_TIMEOUT.min(self.deadline.saturating_duration_since(Instant::now())))
    }
}

/// Opens a connection that can only read. The file is never created.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

fn facts(connection: &Connection, query: &Query, end: &End) -> Result<Vec<Fact>, Failure> {
    let ends = end.clone();
    connection.progress_handler(CHECK_INTERVAL, Some(move || ends.is_due()))?;
    end.limit_wait(connection)?;
    let values = query.values.iter().map(|value| match value {
        Value::Text(text) => Some(Cow::Borrowed(text.as_str())),
        Value::Bytes(bytes) => bytes.as_deref().map(String::from_utf8_lossy),
    });
    let mut statement = connection.prepare_cached(&query.text())?;
    end.limit_wait(connection)?;
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
