//! The PostgreSQL servers of a stage, and the rows of its directory.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, hmac, pbkdf2};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{fault::Setup, load::TENANTS};
use crate::support::{Postgres, postgres::TestDatabase};

/// More users than a run has calls.
const USERS: usize = 50_000;

/// The views are separate from the tables, so that a fault can replace them.
const SCHEMA: &str = "
    CREATE TABLE tenants (tenant_id text PRIMARY KEY, stripe_customer_id text UNIQUE);
    CREATE TABLE owners (tenant_id text, user_id text, PRIMARY KEY (tenant_id, user_id));
    CREATE VIEW billing_portal_tenants AS SELECT * FROM tenants;
    CREATE VIEW billing_portal_owners AS SELECT * FROM owners;";

/// The servers of one stage, the primary first. Without any, it uses the shared one.
pub(super) struct Servers(Vec<Postgres>);

impl Servers {
    pub(super) fn start(setup: Setup) -> Self {
        Self(match setup {
            Setup::OwnServer | Setup::Pooler => vec![Postgres::start()],
            Setup::Standby => {
                let primary = Postgres::start();
                let standby = primary.start_standby();
                vec![primary, standby]
            }
            Setup::Shared
            | Setup::Password
            | Setup::HostName
            | Setup::SmallDisk
            | Setup::Pipe
            | Setup::Collector(_) => Vec::new(),
        })
    }

    pub(super) fn primary(&self) -> &Postgres {
        self.0.first().unwrap_or_else(|| Postgres::shared())
    }

    pub(super) fn standby(&self) -> Option<&Postgres> {
        self.0.get(1)
    }
}

/// The customer of a tenant.
pub(super) fn customer(tenant: usize) -> String {
    format!("cus_T{tenant}")
}

/// The statements that fill a database. Each call has a user of its own, in the tenant of its number.
pub(super) fn schema_and_rows() -> String {
    let customers: Vec<_> = (0..TENANTS).map(|tenant| format!("('t{tenant}', '{}')", customer(tenant))).collect();
    format!(
        "{SCHEMA} INSERT INTO tenants VALUES {};
         INSERT INTO owners SELECT 't' || i % {TENANTS}, 'u' || i FROM generate_series(0, {USERS} - 1) AS i; ANALYZE;",
        customers.join(", ")
    )
}

/// The setting with which the service connects over TCP.
pub(super) fn tcp_setting(database: &TestDatabase, servers: &Servers) -> String {
    let ports = [Some(servers.primary()), servers.standby()].into_iter().flatten().map(|server| server.port);
    let hosts: Vec<_> = ports.map(|port| format!("127.0.0.1:{port}")).collect();
    let more = if servers.standby().is_some() { "?target_session_attrs=read-write" } else { "" };
    format!("--database-url=postgres://{0}@{1}/{0}{more}", database.name, hosts.join(","))
}

/// Returns the statement that changes the password of a role. One iteration instead of 4,096: with those, a debug build needs
/// much of a second for each new connection.
pub(super) fn password_statement(role: &str, password: &str) -> String {
    let (salt, mut salted) = (b"salt", [0; 32]);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, NonZeroU32::MIN, salt, password.as_bytes(), &mut salted);
    let key = |name: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &salted), name.as_bytes());
    let stored = STANDARD.encode(digest::digest(&digest::SHA256, key("Client Key").as_ref()));
    let (salt, server) = (STANDARD.encode(salt), STANDARD.encode(key("Server Key")));
    format!("ALTER ROLE {role} PASSWORD 'SCRAM-SHA-256$1:{salt}${stored}:{server}'")
}
