//! The directory of a [`World`]: a SQLite file.

use std::path::PathBuf;

use rusqlite::Connection;
use stripe_simulator::{Customer, Simulator};
use tempfile::TempDir;

use super::World;

/// Tenants: acme and globex with customers, dark with the flag off, initech without an account.
const DIRECTORY: &str = "
    PRAGMA synchronous = OFF; -- a test does not wait for the disk
    CREATE TABLE billing_portal_tenants (tenant_id text, stripe_customer_id text);
    CREATE TABLE billing_portal_owners (tenant_id text, user_id text);
    CREATE INDEX customers ON billing_portal_tenants (stripe_customer_id);
    CREATE INDEX tenants ON billing_portal_tenants (tenant_id);
    CREATE INDEX owners ON billing_portal_owners (tenant_id, user_id);
    INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_A'), ('globex', 'cus_B'), ('dark', 'cus_D'), ('initech', NULL);
    INSERT INTO billing_portal_owners VALUES ('acme', 'olivia'), ('globex', 'greta'), ('dark', 'dora'), ('initech', 'ines');
";

pub(super) fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("directory.db")
}

pub(crate) fn create(folder: &TempDir) {
    run(folder, DIRECTORY);
}

/// Runs statements on the directory in a folder.
pub(crate) fn run(folder: &TempDir, statements: &str) {
    Connection::open(path(folder)).unwrap().execute_batch(statements).unwrap();
}

fn add_tenants(folder: &TempDir, count: usize) {
    let insert = format!(
        "INSERT INTO billing_portal_tenants
            WITH RECURSIVE numbers (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM numbers LIMIT {count})
            SELECT 't' || number, 'cus_T' || number FROM numbers"
    );
    run(folder, &insert);
}

/// Adds tenants as [`World::add_tenants`] does, their owners `u0`, `u1` and so on, and the customers at Stripe.
pub(crate) fn add_owners(folder: &TempDir, stripe: &Simulator, count: usize) {
    add_tenants(folder, count);
    for number in 0..count {
        run(folder, &format!("INSERT INTO billing_portal_owners VALUES ('t{number}', 'u{number}')"));
        stripe.add_customer(Customer::new(&format!("cus_T{number}")).metadata("tenant_id", &format!("t{number}")));
    }
}

impl World {
    /// Opens the directory, which the service opens only to read.
    pub(crate) fn database(&self) -> Connection {
        Connection::open(path(&self.folder)).unwrap()
    }

    pub(crate) fn sql(&self, statements: &str) {
        run(&self.folder, statements);
    }

    /// Adds the tenants `t0`, `t1` and so on, with the customers `cus_T0`, `cus_T1` and so on.
    pub(crate) fn add_tenants(&self, count: usize) {
        add_tenants(&self.folder, count);
    }

    /// Does the same, and adds their owners and customers.
    pub(crate) fn add_owners(&self, count: usize) {
        add_owners(&self.folder, &self.stripe, count);
    }
}
