//! Why a query has no result.

use std::time::Duration;

use sqlx::{error::DatabaseError, postgres::PgDatabaseError};

use crate::portal::{Reason, Refusal};

/// Why a query has no result.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub(super) struct Failure {
    pub(super) kind: FailureKind,
    #[source]
    pub(super) error: Option<DriverError>,
    /// Why each of several servers cannot be used.
    pub(super) servers: Option<String>,
}

/// What a driver reports.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) enum DriverError {
    Postgres(sqlx::Error),
    Sqlite(rusqlite::Error),
}

impl Failure {
    /// Returns the error of the server, if PostgreSQL has answered with one.
    pub(super) fn server_error(&self) -> Option<&dyn DatabaseError> {
        match &self.error {
            Some(DriverError::Postgres(error)) => error.as_database_error(),
            Some(DriverError::Sqlite(_)) | None => None,
        }
    }

    /// Returns whether the session has no prepared statement of the name.
    pub(super) fn is_unknown_statement(&self) -> bool {
        self.server_error().is_some_and(|error| error.code().as_deref() == Some("26000"))
    }

    /// Combines the failures of several servers, each with its address. One that says what must be fixed decides on the kind, and
    /// a refused login before others, because another password may be tried then.
    pub(super) fn of_servers(failures: Vec<(FailureKind, String, String)>) -> Self {
        let rank = |kind: &FailureKind| match kind {
            FailureKind::Login => 0,
            FailureKind::NoConnection | FailureKind::Connection | FailureKind::Timeout => 2,
            FailureKind::TenantShare
            | FailureKind::Standby
            | FailureKind::RowSecurity
            | FailureKind::Privilege
            | FailureKind::ColumnPrivilege(_)
            | FailureKind::Schema
            | FailureKind::Driver
            | FailureKind::Query => 1,
        };
        let kind = failures.iter().map(|(kind, ..)| kind.clone()).min_by_key(rank);
        let kind = kind.unwrap_or(FailureKind::NoConnection);
        let shared = kind.to_string();
        // The text of the kind comes first, once.
        let texts = failures.iter().map(|(_, address, cause)| match cause.strip_prefix(&shared) {
            Some(rest) => format!("{address}{rest}"),
            None => format!("{address}: {cause}"),
        });
        let servers = Some(texts.collect::<Vec<_>>().join("; "));
        Self { kind, error: None, servers }
    }
}

/// The kinds of failures, with texts for an operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FailureKind {
    #[error("directory has no free connection, or its server refuses connections or does not respond")]
    NoConnection,
    #[error("directory did not answer in time")]
    Timeout,
    #[error("tenant uses its share of the connections to the directory")]
    TenantShare,
    #[error("connection to the directory failed")]
    Connection,
    #[error("directory refuses the login")]
    Login,
    #[error("directory is a standby, which may lag behind; DATABASE_URL must lead to the primary")]
    Standby,
    #[error(
        "row-level security hides rows from the role; give BYPASSRLS to the role, or to the owner of views without \
         security_invoker"
    )]
    RowSecurity,
    #[error("privilege is missing; GRANT it to the role of DATABASE_URL, or to the owner of the view")]
    Privilege,
    #[error(
        "role may read single columns only of {0}; GRANT SELECT on the relation or on every column that is read from it"
    )]
    ColumnPrivilege(String),
    #[error("directory has no such relation, column, schema or database; check --database-schema and the columns")]
    Schema,
    #[error("database driver failed")]
    Driver,
    #[error("directory query failed")]
    Query,
}

impl FailureKind {
    /// Returns the name for logs and metrics.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::NoConnection => "no_connection",
            Self::Timeout => "timeout",
            Self::TenantShare => "tenant_share",
            Self::Connection => "connection",
            Self::Login => "login",
            Self::Standby => "standby",
            Self::RowSecurity => "row_security",
            Self::Privilege => "privilege",
            Self::ColumnPrivilege(_) => "column_privilege",
            Self::Schema => "schema",
            Self::Driver => "driver",
            Self::Query => "query",
        }
    }

    fn of_database_error(error: &dyn DatabaseError) -> Self {
        let Some(error) = error.try_downcast_ref::<PgDatabaseError>() else { return Self::Query };
        match (error.code(), error.code().get(..2).unwrap_or_default()) {
            // PostgreSQL has no code of its own for this error, and its texts are translated.
            ("42501", _) if error.routine() == Some("check_enable_rls") => Self::RowSecurity,
            ("42501", _) => Self::Privilege,
            ("57014", _) => Self::Timeout,
            ("3D000" | "3F000" | "42703" | "42P01", _) => Self::Schema,
            (_, "28") => Self::Login,
            (_, "53") => Self::NoConnection,
            // A pooler has given the message to a session without the prepared statement.
            ("26000", _) | (_, "08" | "57") => Self::Connection,
            _ => Self::Query,
        }
    }
}

impl From<FailureKind> for Failure {
    fn from(kind: FailureKind) -> Self {
        Self { kind, error: None, servers: None }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error;
        let kind = if let Some(error) = error.as_database_error() {
            FailureKind::of_database_error(error)
        } else if matches!(error, Error::PoolTimedOut) {
            FailureKind::NoConnection
        } else if matches!(error, Error::Io(_) | Error::Tls(_)) {
            FailureKind::Connection
        } else {
            FailureKind::Driver
        };
        Self { kind, error: Some(DriverError::Postgres(error)), servers: None }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{SqlInputError, SqliteFailure};
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) {
            return FailureKind::Timeout.into();
        }
        let is_answer = matches!(error, SqliteFailure(..) | SqlInputError { .. });
        let kind = if is_answer { FailureKind::Query } else { FailureKind::Driver };
        Self { kind, error: Some(DriverError::Sqlite(error)), servers: None }
    }
}

/// The driver panicked.
impl From<tokio::task::JoinError> for Failure {
    fn from(_: tokio::task::JoinError) -> Self {
        FailureKind::Driver.into()
    }
}

/// The time limit of the query is exceeded, and the server has not ended it.
impl From<tokio::time::error::Elapsed> for Failure {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        FailureKind::Timeout.into()
    }
}

impl From<Failure> for Refusal {
    fn from(Failure { kind, error, servers }: Failure) -> Self {
        let refusal = Self::because(Reason::DatabaseUnavailable, kind.to_string());
        if let Some(servers) = servers {
            return refusal.caused_by(servers);
        }
        let cause = match error {
            None => return refusal,
            // The driver's own texts repeat the message, or contain the whole query.
            Some(DriverError::Postgres(sqlx::Error::Database(error))) => {
                let code = error.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::code);
                let code = code.map(|code| format!(" (SQLSTATE {code})")).unwrap_or_default();
                format!("{}{code}", error.message())
            }
            Some(DriverError::Sqlite(rusqlite::Error::SqlInputError { msg, .. })) => msg,
            // The driver's texts contain those of their sources.
            Some(error) => error.to_string(),
        };
        refusal.caused_by(cause)
    }
}

/// How long the service waits for the database beyond a time limit that the database enforces itself, and for a connection
/// to close or to return to its pool.
pub(super) const GRACE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn each_text_appears_once() {
        let refused = || Failure::from(sqlx::Error::Io(io::Error::other("Connection refused")));
        let cause = Refusal::from(refused()).to_string();
        assert_eq!(cause, "connection to the directory failed: error communicating with database: Connection refused");
        let failed = |kind: FailureKind, address: &str, cause: &str| (kind, address.to_owned(), cause.to_owned());
        let of_servers = |failures| Refusal::from(Failure::of_servers(failures)).to_string();
        let unreachable = |address| failed(FailureKind::Connection, address, &cause);
        let detail = "error communicating with database: Connection refused";
        assert_eq!(
            of_servers(vec![unreachable("a:1"), unreachable("b:2")]),
            format!("connection to the directory failed: a:1: {detail}; b:2: {detail}")
        );
        let standby = FailureKind::Standby.to_string();
        assert_eq!(
            of_servers(vec![unreachable("a:1"), failed(FailureKind::Standby, "b:2", &standby)]),
            format!("{standby}: a:1: connection to the directory failed: {detail}; b:2")
        );
    }
}
