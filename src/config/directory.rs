//! The directory: its database, and the queries on it.

use std::path::PathBuf;

use super::{database_url, environment, error::SettingError, value};
use crate::adapters::directory::{Database, Ownership};

/// The longest name that PostgreSQL does not cut off, in bytes.
const MAX_IDENTIFIER_BYTES: usize = 63;

/// The highest number of connections that can be configured.
const MAX_CONNECTIONS: u64 = 1_000;

/// Arguments for the tenants of the directory.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Directory")]
pub struct TenantsArguments {
    /// The directory, sqlite:PATH or postgres://USER@HOST/DATABASE?sslmode=verify-full, with up to 6 hosts; read only
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: String,

    /// File with the password for PostgreSQL; read again for new connections
    #[arg(
        long,
        env = "BILLING_PORTAL_DATABASE_PASSWORD_FILE",
        value_name = "FILE",
        hide_short_help = true,
        hide_env_values = true
    )]
    database_password_file: Option<PathBuf>,

    /// Schema of the views, and of the names in the SELECT files, in PostgreSQL
    #[arg(
        long,
        env = "BILLING_PORTAL_DATABASE_SCHEMA",
        value_name = "NAME",
        default_value = "public",
        hide_short_help = true
    )]
    database_schema: String,

    /// Maximum number of connections to the database, from 1 to 1000; one tenant uses at most a quarter of them
    #[arg(
        long,
        env = "BILLING_PORTAL_DATABASE_MAX_CONNECTIONS",
        value_name = "COUNT",
        default_value_t = 8,
        value_parser = value::number::<u32, 1, MAX_CONNECTIONS>,
        hide_short_help = true
    )]
    database_max_connections: u32,

    /// File with a SELECT that yields tenant_id and stripe_customer_id, instead of the view billing_portal_tenants
    #[arg(long, env = "BILLING_PORTAL_TENANTS_SQL_FILE", value_name = "FILE", hide_short_help = true)]
    tenants_sql_file: Option<PathBuf>,
}

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Directory")]
pub(super) struct DirectoryArguments {
    #[command(flatten)]
    tenants: TenantsArguments,

    /// File with a SELECT that yields tenant_id and user_id, instead of the view billing_portal_owners
    #[arg(long, env = "BILLING_PORTAL_OWNERS_SQL_FILE", value_name = "FILE", hide_short_help = true)]
    owners_sql_file: Option<PathBuf>,

    /// Whether the person must also be a current owner in the directory, or the role in the token is sufficient
    #[arg(
        long,
        env = "BILLING_PORTAL_OWNERSHIP",
        value_name = "SOURCE",
        value_enum,
        default_value = "token-and-directory",
        hide_short_help = true
    )]
    ownership: Ownership,
}

/// Validated settings.
#[derive(Clone, Debug)]
pub struct DirectoryConfig {
    /// The database in `DATABASE_URL`.
    pub database: Database,
    /// The file with the password; for PostgreSQL only.
    pub password_file: Option<PathBuf>,
    /// The schema of the views; for PostgreSQL only.
    pub schema: String,
    /// The maximum number of connections, at least 1.
    pub max_connections: u32,
    /// Whether current ownership is read from the directory.
    pub ownership: Ownership,
    /// The file with a SELECT statement for the tenants.
    pub tenants_sql_file: Option<PathBuf>,
    /// The file with a SELECT statement for the owners; `None` where owners are not read.
    pub owners_sql_file: Option<PathBuf>,
}

impl DirectoryArguments {
    pub(super) fn validate(self) -> Result<DirectoryConfig, SettingError> {
        if self.ownership == Ownership::Token && self.owners_sql_file.is_some() {
            let problem = "contradicts --ownership token, which does not read owners; remove one of the two";
            return Err(SettingError::new("--owners-sql-file", problem));
        }
        Ok(DirectoryConfig {
            ownership: self.ownership,
            owners_sql_file: self.owners_sql_file,
            ..self.tenants.validate()?
        })
    }
}

impl TenantsArguments {
    /// Validates the settings. The result does not read owners.
    ///
    /// # Errors
    /// The first setting that is wrong, contradictory or unsafe.
    pub fn validate(self) -> Result<DirectoryConfig, SettingError> {
        let url_error = |error: database_url::DatabaseUrlError| SettingError::new("DATABASE_URL", error);
        let database = database_url::parse(&self.database_url).map_err(url_error)?;
        if !(1..=MAX_IDENTIFIER_BYTES).contains(&self.database_schema.len()) || self.database_schema.contains('\0') {
            let problem =
                format!("expected the name of a schema, 1 to {MAX_IDENTIFIER_BYTES} bytes without quotation marks");
            return Err(SettingError::new("--database-schema", problem));
        }
        let has_file = self.database_password_file.is_some();
        match &database {
            Database::Sqlite(_) if has_file => {
                let problem = "applies to PostgreSQL only; remove it when the database is SQLite";
                return Err(SettingError::new("--database-password-file", problem));
            }
            Database::Sqlite(_) => {}
            Database::Postgres(server) => {
                environment::refuse_postgres_variables(|name| std::env::var_os(name))?;
                if has_file && server.password.is_some() {
                    return Err(url_error(database_url::DatabaseUrlError::TwoPasswords));
                }
            }
        }
        Ok(DirectoryConfig {
            database,
            password_file: self.database_password_file,
            schema: self.database_schema,
            max_connections: self.database_max_connections,
            ownership: Ownership::Token,
            tenants_sql_file: self.tenants_sql_file,
            owners_sql_file: None,
        })
    }
}
