//! A database of its own for a test, on a PostgreSQL server.

use billing_portal::adapters::directory::{Address, Database, PgSslMode, PostgresServers};
use sqlx::{AssertSqlSafe, PgPool};

/// The database of one test.
pub(crate) struct TestDatabase {
    /// The name of the database and of its role.
    pub(crate) name: String,
    /// Connections with all privileges.
    pub(crate) admin: PgPool,
    /// Connects over the socket, as the role.
    pub(crate) url: String,
}

impl TestDatabase {
    pub(crate) fn setting(&self) -> String {
        format!("--database-url={}", self.url)
    }

    /// The database on these servers, without TLS and without a password.
    pub(crate) fn on(&self, addresses: Vec<Address>) -> Database {
        Database::Postgres(PostgresServers {
            addresses,
            user: self.name.clone(),
            database: self.name.clone(),
            ssl_mode: PgSslMode::Disable,
            ssl_root_cert: None,
            password: None,
            connect_timeout: None,
            application_name: "billing-portal".to_owned(),
        })
    }

    pub(crate) async fn run(&self, statements: &str) {
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&self.admin).await.unwrap();
    }

    /// Waits until the standby of the server has everything.
    pub(crate) async fn wait_for_standby(&self) {
        let wait = "SET statement_timeout = '30s'; DO $$ BEGIN
            WHILE NOT EXISTS (SELECT FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()) LOOP
                PERFORM pg_stat_clear_snapshot(), pg_sleep(0.01);
            END LOOP; END $$; RESET statement_timeout";
        self.run(wait).await;
    }
}
