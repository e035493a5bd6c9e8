//! PostgreSQL connections: server verification, password changes, and read-only transactions.

use std::{path::PathBuf, time::Duration};

use billing_portal::{
    adapters::directory::{Address, ConnectionLimits, Host, Password, SqlDirectory},
    portal::{Directory as _, TenantId, UserId},
    reload::file::ReloadingFile,
};

use futures_util::future::join_all;

use super::{ACME, start, views};
use crate::{
    integration::directory::{TABLES, lookup_outcome},
    support::{Postgres, World, postgres::TestDatabase},
};

async fn acme() -> TestDatabase {
    let database = Postgres::shared().database().await;
    database.run(TABLES).await;
    database.run(ACME).await;
    database
}

const NOT_READY: &str = "directory is not available";

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn verify_full_requires_matching_name_and_ca() {
    let (database, server) = (acme().await, Postgres::shared());
    let (ca, port) = (server.ca_file().display().to_string(), server.port);
    let other = Postgres::start();
    let other_ca = other.ca_file().display().to_string();
    let url = |host: &str, more: &str| {
        let role = format!("{}:first-secret", database.name);
        format!("--database-url=postgres://{role}@{host}:{port}/{}?sslmode=verify-full{more}", database.name)
    };
    let root = |path: &str| format!("&sslrootcert={path}");
    for (url, roots) in [(url("localhost", &root(&ca)), &[][..]), (url("localhost", ""), &[("SSL_CERT_FILE", &*ca)])] {
        let (_folder, mut service) = start(&[&url], roots);
        service.wait_for_log("ready").await;
        let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
            WHERE application_name = 'billing-portal' AND datname = current_database()";
        let encrypted: Option<bool> = sqlx::query_scalar(encrypted).fetch_one(&database.admin).await.unwrap();
        assert_eq!(encrypted, Some(true));
        assert!(!service.stop().await.contains("first-secret"));
    }
    for (url, roots, expected) in [
        (url("localhost", &root(&other_ca)), &[][..], "invalid peer certificate"),
        (url("localhost", ""), &[("SSL_CERT_FILE", &*other_ca)], "invalid peer certificate"),
        // Neither the built-in roots nor the system's contain the CA.
        (url("localhost", ""), &[], "invalid peer certificate"),
        (url("127.0.0.1", &root(&ca)), &[], "not valid for name"),
        // The driver's own variables are ignored.
        (url("localhost", ""), &[("PGSSLROOTCERT", &*ca), ("PGSSLMODE", "disable")], "invalid peer certificate"),
    ] {
        let (_folder, mut service) = start(&[&url], roots);
        let cause = service.wait_for_log(NOT_READY).await["cause"].to_string();
        assert!(cause.contains(expected), "{expected}: {cause}");
        assert!(!service.stop().await.contains("first-secret"));
    }
}

/// Creates a directory that connects over TCP to one of the ports, with the password in a file.
async fn directory_over_tcp(
    database: &TestDatabase,
    ports: &[u16],
    password: PathBuf,
    max_connections: u32,
) -> SqlDirectory {
    let address = |port: &u16| Address { host: Host::Name("127.0.0.1".to_owned()), port: *port };
    let server = database.on(ports.iter().map(address).collect());
    let password = ReloadingFile::open_secret("--database-password-file", password, Password::parse).await;
    let limits = ConnectionLimits { max_connections, query: Duration::from_secs(10) };
    SqlDirectory::new(&server, Some(password), &views(), limits)
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn first_connection_uses_the_password_in_the_file() {
    let database = acme().await;
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("password");
    std::fs::write(&path, "first-secret\n").unwrap();
    for attempt in 0..100 {
        let directory = directory_over_tcp(&database, &[Postgres::shared().port], path.clone(), 1).await;
        directory.probe().await.unwrap_or_else(|refusal| panic!("{attempt}: {refusal}"));
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn concurrent_calls_survive_a_changed_password() {
    let port = Postgres::shared().port;
    // One server, and two of which the first is down.
    for ports in [&[port][..], &[1, port]] {
        let database = acme().await;
        let files = tempfile::tempdir().unwrap();
        let path = files.path().join("password");
        std::fs::write(&path, "first-secret").unwrap();
        let directory = directory_over_tcp(&database, ports, path.clone(), 8).await;
        database.run(&format!("ALTER ROLE {} PASSWORD 'second-secret'", database.name)).await;
        std::fs::write(&path, "second-secret").unwrap();
        let user = UserId::parse("olivia").unwrap();
        let tenants: Vec<_> =
            (0..8 / ports.len()).map(|number| TenantId::parse(&format!("tenant{number}")).unwrap()).collect();
        for outcome in join_all(tenants.iter().map(|tenant| directory.look_up(tenant, &user))).await {
            outcome.unwrap();
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn changed_password_is_used_for_new_connections_without_restart() {
    let database = acme().await;
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("password");
    std::fs::write(&path, "first-secret\n").unwrap();
    let url = format!("--database-url=postgres://{0}@127.0.0.1:{1}/{0}", database.name, Postgres::shared().port);
    let file = format!("--database-password-file={}", path.display());
    let world = World::with(&[&url, &file]).await;
    assert_eq!(lookup_outcome(&world, "olivia").await.0, "OK");
    // A second process shows in its log that the file was read. Its log must not contain a password.
    let (_folder, mut service) = start(&[&url, &file], &[]);
    service.wait_for_log("ready").await;

    let close_connections = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE application_name = 'billing-portal' AND datname = current_database()";
    database.run(&format!("ALTER ROLE {} PASSWORD 'second-secret'", database.name)).await;
    // Open connections survive the change; new connections need the new password.
    assert_eq!(lookup_outcome(&world, "olivia").await.0, "OK");
    database.run(close_connections).await;
    assert_eq!(lookup_outcome(&world, "olivia").await.0, "DATABASE_UNAVAILABLE");
    std::fs::write(&path, "second-secret").unwrap();
    // The refused password makes the service read the file again, without waiting for the next poll, for every call that it
    // affects.
    let token = world.olivia();
    let calls = futures_util::future::join_all((0..4).map(|_| world.access(&token, "")));
    assert!(calls.await.into_iter().all(|outcome| outcome.is_ok()));
    assert_eq!(lookup_outcome(&world, "olivia").await.0, "OK");
    assert_eq!(service.wait_for_log("file loaded").await["setting"], "--database-password-file");

    // A broken file keeps the last good password.
    std::fs::write(&path, "").unwrap();
    service.wait_for_log("file is not valid").await;
    database.run(close_connections).await;
    assert_eq!(lookup_outcome(&world, "olivia").await.0, "OK");
    let log = service.stop().await;
    assert!(!log.contains("first-secret") && !log.contains("second-secret"), "{log}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn ignores_driver_variables_and_password_file() {
    let database = acme().await;
    let port = Postgres::shared().port.to_string();
    let home = tempfile::tempdir().unwrap();
    let pgpass = home.path().join(".pgpass");
    std::fs::write(&pgpass, "*:*:*:*:first-secret\n").unwrap();
    std::fs::set_permissions(&pgpass, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let home = home.path().display().to_string();

    // Variables that name another server, role and database have no effect.
    let other = [("PGHOST", "192.0.2.1"), ("PGHOSTADDR", "192.0.2.1"), ("PGPORT", "1"), ("PGUSER", "nobody")];
    let more = [("PGDATABASE", "nowhere"), ("PGSSLMODE", "verify-full"), ("PGAPPNAME", "x"), ("PGPASSWORD", "wrong")];
    let (_folder, mut service) = start(&[&database.setting()], &[&other[..], &more].concat());
    service.wait_for_log("ready").await;

    // The settings contain no password, and a correct one from the driver's sources is not used.
    let url = format!("--database-url=postgres://{0}@127.0.0.1:{port}/{0}", database.name);
    for variable in [("PGPASSWORD", "first-secret"), ("PGPASSFILE", &*pgpass.display().to_string()), ("HOME", &*home)] {
        let (_folder, mut service) = start(&[&url], &[variable]);
        let cause = service.wait_for_log(NOT_READY).await["cause"].to_string();
        assert!(cause.contains("password authentication failed"), "{variable:?}: {cause}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn connections_are_read_only_even_if_role_and_select_file_can_write() {
    let database = acme().await;
    let role = &database.name;
    let writes = "CREATE TABLE written (what text);
        CREATE FUNCTION write_row() RETURNS text VOLATILE LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO written VALUES ('row'); RETURN 'cus_A'; END $$;
        CREATE FUNCTION unlock_and_write_row() RETURNS text VOLATILE LANGUAGE plpgsql AS
            $$ BEGIN PERFORM set_config('transaction_read_only', 'off', false); RETURN write_row(); END $$;";
    database.run(writes).await;
    database
        .run(&format!("GRANT ALL ON written TO {role}; ALTER ROLE {role} SET default_transaction_read_only = off"))
        .await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenants.sql");
    let setting = format!("--tenants-sql-file={}", path.display());
    for (call, expected) in [("write_row()", "read-only transaction"), ("unlock_and_write_row()", "read-write mode")] {
        let select = format!("SELECT tenant_id, {call} AS stripe_customer_id FROM billing_portal_tenants");
        std::fs::write(&path, select).unwrap();
        let (_folder, mut service) = start(&[&database.setting(), &setting], &[]);
        let cause = service.wait_for_log(NOT_READY).await["cause"].to_string();
        assert!(cause.contains(expected), "{cause}");
        let written: i64 = sqlx::query_scalar("SELECT count(*) FROM written").fetch_one(&database.admin).await.unwrap();
        assert_eq!(written, 0, "{call}");
    }
    // Over another connection, the same role can write with the same function: only the service's connection prevents it.
    database.run(&format!("SET ROLE {role}; SELECT write_row(); RESET ROLE")).await;
    let written: i64 = sqlx::query_scalar("SELECT count(*) FROM written").fetch_one(&database.admin).await.unwrap();
    assert_eq!(written, 1);
}
