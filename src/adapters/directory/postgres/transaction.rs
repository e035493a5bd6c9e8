//! One query in a transaction of its own.

use std::{
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::join};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, Row as _, error::DatabaseError, postgres::PgRow};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::session::Session;
use crate::adapters::directory::{
    dialect::literal,
    facts::{Cell, Fact, Value},
    failure::{Failure, FailureKind, GRACE},
    idle::{IdleConnections, Open},
    query::Query,
    tenant_share::TenantShare,
};

/// The pause between two requests to cancel a query.
const CANCEL_INTERVAL: Duration = Duration::from_millis(250);

/// The first part of a query that names the relation of an error, if the role may read single columns only of it. The text of
/// the error follows, which may be translated, but contains the name.
const COLUMN_PRIVILEGES: &str = "
    SELECT pg_catalog.string_agg(nspname || '.' || relname, ', ')
    FROM pg_catalog.pg_class AS relation JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relnamespace
    WHERE relkind IN ('r', 'v', 'm', 'p', 'f') AND pg_catalog.has_any_column_privilege(relation.oid, 'SELECT')
        AND NOT pg_catalog.has_table_privilege(relation.oid, 'SELECT')
        AND nspname NOT IN ('pg_catalog', 'information_schema')
        AND relname = ANY (pg_catalog.regexp_split_to_array(";

/// A connection in use. It counts as one of the permitted connections until it can be used again or is closed.
pub(super) struct Lease {
    pub(super) open: Open<Session>,
    pub(super) idle: Arc<IdleConnections<Session>>,
    /// Whether a pooler has been noticed in front of the server.
    pub(super) is_pooled: Arc<AtomicBool>,
    pub(super) free: OwnedSemaphorePermit,
    pub(super) share: Arc<Option<TenantShare>>,
}

/// A query, and the limits of its transaction.
pub(super) struct Transaction {
    pub(super) search_path: Arc<str>,
    pub(super) limit: Duration,
    pub(super) query: Arc<Query>,
    pub(super) cancellation: PgPool,
}

impl Transaction {
    /// Runs the transaction, and then makes the connection idle or closes it. Only a query that the server cancelled leaves a
    /// connection that is used again: after every other failure (a relation was moved, a privilege was revoked, the server
    /// became a standby), a new connection may succeed where the old one fails for good.
    pub(super) async fn run(self, lease: Lease, caller_gone: CancellationToken) -> Result<Vec<Fact>, Failure> {
        // The connection is dropped before its place is free again.
        let Lease { free, mut open, idle, is_pooled, share: _share } = lease;
        // The driver panics if a message is malformed.
        let facts = AssertUnwindSafe(self.facts(&mut open.connection, &idle, &is_pooled, caller_gone)).catch_unwind();
        let outcome = match timeout(self.limit + GRACE, facts).await {
            Ok(Ok(outcome)) => outcome,
            // A server that has disappeared never responds, and one that sent a malformed message may not respond either. A
            // graceful close and a return to the pool would wait for it.
            ended => {
                idle.distrust();
                return Err(if ended.is_ok() { FailureKind::Driver } else { FailureKind::Timeout }.into());
            }
        };
        let Err(failure) = &outcome else {
            idle.put(open);
            return outcome;
        };
        idle.distrust();
        let is_reusable = failure.kind == FailureKind::Timeout;
        tokio::spawn(async move {
            let _free = free;
            if !is_reusable {
                drop(timeout(GRACE, open.connection.connection.close()).await);
            } else if let Ok(Ok(())) = timeout(GRACE, roll_back(&mut open.connection.connection)).await {
                idle.put(open);
            }
        });
        outcome
    }

    async fn facts(
        &self,
        session: &mut Session,
        idle: &IdleConnections<Session>,
        is_pooled: &AtomicBool,
        caller_gone: CancellationToken,
    ) -> Result<Vec<Fact>, Failure> {
        let mark = format!("/* billing-portal {} */", Uuid::new_v4().simple());
        let message = session.message(&self.query, is_pooled);
        let query = sqlx::raw_sql(AssertSqlSafe(self.statements(&mark, &message.statements)));
        let facts = {
            let mut query = pin!(query.fetch(&mut session.connection).map(|row| fact(&row?)).try_collect::<Vec<_>>());
            tokio::select! {
                biased;
                facts = &mut query => facts,
                () = caller_gone.cancelled() => {
                    // The server may have disappeared.
                    idle.distrust();
                    self.cancel(query, &mark).await
                }
            }
        };
        let mut facts = match facts {
            Ok(facts) => facts,
            Err(failure) => {
                if session.cannot_run(&message, &failure) {
                    is_pooled.store(true, Ordering::Relaxed);
                }
                return Err(self.explain(&mut session.connection, failure).await);
            }
        };
        let mut primary = facts.extract_if(.., |fact| fact.kind == "primary").collect::<Vec<_>>();
        match (primary.pop(), primary.pop()) {
            (Some(primary), None) => session.answered(message, primary.tenant.as_bytes().to_vec(), is_pooled),
            _ => return Err(FailureKind::Standby.into()),
        }
        Ok(facts)
    }

    /// Returns the statements of the transaction, which are sent as one message. The transaction is READ ONLY, whatever the
    /// role or a function has set. It is READ COMMITTED, because at a higher level a query that waits for a lock answers from
    /// before the change that it waited for. With `row_security` off, PostgreSQL fails a query from which a policy would hide
    /// rows.
    fn statements(&self, mark: &str, query: &str) -> String {
        let Self { search_path, limit, .. } = self;
        format!(
            "{mark} BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY; SET LOCAL row_security = off; \
             SET LOCAL statement_timeout = {}; SET LOCAL bytea_output = hex; SET LOCAL search_path = {search_path};\n\
             {query};\nROLLBACK",
            limit.as_millis()
        )
    }

    /// Asks the server to cancel the query until it has ended, again and again, because a request that arrives before the query
    /// has no effect. The server finds the query by its mark, so a request that arrives later has no effect either. Between
    /// finding and canceling, the session could nevertheless begin another query. Each request is therefore awaited, and if
    /// one is not answered, the failure closes the connection. If all of them fail, the statement timeout ends the query.
    async fn cancel<T>(
        &self,
        mut query: Pin<&mut impl Future<Output = Result<T, Failure>>>,
        mark: &str,
    ) -> Result<T, Failure> {
        let request = format!(
            "BEGIN TRANSACTION READ ONLY; SET LOCAL search_path = pg_catalog, pg_temp; \
             SELECT pg_cancel_backend(pid) FROM pg_stat_activity \
             WHERE usename = SESSION_USER AND state = 'active' AND starts_with(query, '{mark}'); ROLLBACK"
        );
        let mut is_answered = true;
        loop {
            let request = sqlx::raw_sql(AssertSqlSafe(&*request));
            let request = timeout(GRACE, request.execute(&self.cancellation));
            let (outcome, answer) = join(timeout(CANCEL_INTERVAL, &mut query), request).await;
            is_answered &= matches!(answer, Ok(Ok(_)));
            if let Ok(Err(error)) = answer {
                tracing::warn!(%error, "abandoned query cannot be canceled");
            }
            match outcome {
                Ok(outcome) if is_answered => return outcome,
                Ok(_) => return Err(FailureKind::Connection.into()),
                Err(_) => {}
            }
        }
    }

    /// Finds out whether a missing privilege is one of a single column.
    async fn explain(&self, connection: &mut PgConnection, failure: Failure) -> Failure {
        if failure.kind != FailureKind::Privilege || roll_back(connection).await.is_err() {
            return failure;
        }
        let message = failure.server_error().map(DatabaseError::message);
        let Some(message) = message else { return failure };
        let message = literal(&Value::Bytes(Some(message.as_bytes().to_vec())));
        let query = format!("{COLUMN_PRIVILEGES}pg_catalog.convert_from({message}, 'UTF8'), '[^[:alnum:]_]+'))");
        let relations = sqlx::raw_sql(AssertSqlSafe(query)).fetch_one(connection).await.and_then(|row| row.try_get(0));
        match relations {
            Ok(Some(relations)) => Failure { kind: FailureKind::ColumnPrivilege(relations), ..failure },
            Ok(None) | Err(_) => failure,
        }
    }
}

/// Ends a transaction that failed before its own ROLLBACK.
async fn roll_back(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("ROLLBACK").execute(connection).await.map(drop)
}

fn fact(row: &PgRow) -> Result<Fact, Failure> {
    let cell = |column: usize| match row.try_get::<Option<Vec<u8>>, _>(column) {
        Ok(None) => Cell::Null,
        Ok(Some(bytes)) => String::from_utf8(bytes).map_or_else(|error| Cell::NotText(error.into_bytes()), Cell::Text),
        Err(_) => Cell::NotText(Vec::new()),
    };
    Ok(Fact::read(row.try_get(0)?, cell))
}
