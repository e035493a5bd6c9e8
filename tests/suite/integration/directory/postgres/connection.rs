//! Who the server is proved to be, with which password it is asked, and that nothing can be written to it.

use crate::{
    integration::directory::{TABLES, told},
    support::process::settings,
    support::{Postgres, World, postgres::TestDatabase, service::Service, world::override_settings},
};

const ACME: &str = "INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_A');
    INSERT INTO billing_portal_owners VALUES ('acme', 'olivia');";

async fn acme() -> TestDatabase {
    let database = Postgres::shared().database().await;
    database.run(TABLES).await;
    database.run(ACME).await;
    database
}

/// The real binary with these settings beside good ones.
fn start(changes: &[&str], variables: &[(&str, &str)]) -> (tempfile::TempDir, Service) {
    let (folder, mut arguments) = settings();
    std::fs::write(folder.path().join("flags.json"), crate::support::world::FLAG_ON).unwrap();
    override_settings(&mut arguments, changes);
    let service = Service::start(&arguments, variables);
    (folder, service)
}

const NOT_READY: &str = "not ready: the database was not reached yet";

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn verify_full_takes_the_right_name_by_the_right_ca_only() {
    let (database, server) = (acme().await, Postgres::shared());
    let (ca, port) = (server.ca_file().display().to_string(), server.port);
    let stranger = Postgres::start();
    let strange_ca = stranger.ca_file().display().to_string();
    let url = |host: &str, more: &str| {
        let role = format!("{}:first-secret", database.name);
        format!("--database-url=postgres://{role}@{host}:{port}/{}?sslmode=verify-full{more}", database.name)
    };
    let root = |path: &str| format!("&sslrootcert={path}");
    for (url, roots) in [(url("localhost", &root(&ca)), &[][..]), (url("localhost", ""), &[("SSL_CERT_FILE", &*ca)])] {
        let (_folder, mut service) = start(&[&url], roots);
        service.logs("ready").await;
        let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
            WHERE application_name = 'billing-portal' AND datname = current_database()";
        let encrypted: Option<bool> = sqlx::query_scalar(encrypted).fetch_one(&database.admin).await.unwrap();
        assert_eq!(encrypted, Some(true));
        assert!(!service.end().await.contains("first-secret"));
    }
    for (url, roots, why) in [
        (url("localhost", &root(&strange_ca)), &[][..], "invalid peer certificate"),
        (url("localhost", ""), &[("SSL_CERT_FILE", &*strange_ca)], "invalid peer certificate"),
        // Neither the compiled-in roots nor the system's know it.
        (url("localhost", ""), &[], "invalid peer certificate"),
        (url("127.0.0.1", &root(&ca)), &[], "not valid for name"),
        // The driver's own variable is not listened to.
        (url("localhost", ""), &[("PGSSLROOTCERT", &*ca), ("PGSSLMODE", "disable")], "invalid peer certificate"),
    ] {
        let (_folder, mut service) = start(&[&url], roots);
        let cause = service.logs(NOT_READY).await["cause"].to_string();
        assert!(cause.contains(why), "{why}: {cause}");
        assert!(!service.end().await.contains("first-secret"));
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn a_password_that_is_changed_works_for_new_connections_without_a_restart() {
    let database = acme().await;
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("password");
    std::fs::write(&path, "first-secret\n").unwrap();
    let url = format!("--database-url=postgres://{0}@127.0.0.1:{1}/{0}", database.name, Postgres::shared().port);
    let file = format!("--database-password-file={}", path.display());
    let world = World::with(&[&url, &file]).await;
    assert_eq!(told(&world, "olivia").await.0, "OK");
    // The same with the binary, whose log shows what it has seen, and no more than that.
    let (_folder, mut service) = start(&[&url, &file], &[]);
    service.logs("ready").await;

    let hang_up = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE application_name = 'billing-portal' AND datname = current_database()";
    database.run(&format!("ALTER ROLE {} PASSWORD 'second-secret'", database.name)).await;
    // Open connections outlive the change; a new one meets the new password.
    assert_eq!(told(&world, "olivia").await.0, "OK");
    database.run(hang_up).await;
    assert_eq!(told(&world, "olivia").await.0, "DATABASE_UNAVAILABLE");
    std::fs::write(&path, "second-secret").unwrap();
    assert_eq!(service.logs("file loaded").await["setting"], "--database-password-file");
    let renewed = async { while world.access(&world.olivia(), "").await.is_err() {} };
    tokio::time::timeout(std::time::Duration::from_secs(10), renewed).await.expect("the new password is not used");

    // A broken file keeps the last good password.
    std::fs::write(&path, "").unwrap();
    service.logs("file is not good").await;
    database.run(hang_up).await;
    assert_eq!(told(&world, "olivia").await.0, "OK");
    let log = service.end().await;
    assert!(!log.contains("first-secret") && !log.contains("second-secret"), "{log}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn variables_and_a_password_file_of_the_drivers_own_change_nothing() {
    let database = acme().await;
    let port = Postgres::shared().port.to_string();
    let home = tempfile::tempdir().unwrap();
    let pgpass = home.path().join(".pgpass");
    std::fs::write(&pgpass, "*:*:*:*:first-secret\n").unwrap();
    std::fs::set_permissions(&pgpass, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let home = home.path().display().to_string();

    // They name another server, role and database; the settings' are used.
    let other = [("PGHOST", "192.0.2.1"), ("PGHOSTADDR", "192.0.2.1"), ("PGPORT", "1"), ("PGUSER", "nobody")];
    let more = [("PGDATABASE", "nowhere"), ("PGSSLMODE", "verify-full"), ("PGAPPNAME", "x"), ("PGPASSWORD", "wrong")];
    let (_folder, mut service) = start(&[&database.setting()], &[&other[..], &more].concat());
    service.logs("ready").await;

    // They hold the right password, and the settings hold none.
    let url = format!("--database-url=postgres://{0}@127.0.0.1:{port}/{0}", database.name);
    for variable in [("PGPASSWORD", "first-secret"), ("PGPASSFILE", &*pgpass.display().to_string()), ("HOME", &*home)] {
        let (_folder, mut service) = start(&[&url], &[variable]);
        let cause = service.logs(NOT_READY).await["cause"].to_string();
        assert!(cause.contains("password authentication failed"), "{variable:?}: {cause}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn nothing_can_be_written_whatever_the_role_may_and_a_select_file_calls() {
    let database = acme().await;
    let role = &database.name;
    let writes = "CREATE TABLE written (what text);
        CREATE FUNCTION write_down() RETURNS text VOLATILE LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO written VALUES ('down'); RETURN 'cus_A'; END $$;
        CREATE FUNCTION unlock_and_write_down() RETURNS text VOLATILE LANGUAGE plpgsql AS
            $$ BEGIN PERFORM set_config('transaction_read_only', 'off', false); RETURN write_down(); END $$;";
    database.run(writes).await;
    database
        .run(&format!("GRANT ALL ON written TO {role}; ALTER ROLE {role} SET default_transaction_read_only = off"))
        .await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenants.sql");
    let setting = format!("--tenants-sql-file={}", path.display());
    for (call, why) in [("write_down()", "read-only transaction"), ("unlock_and_write_down()", "read-write mode")] {
        let select = format!("SELECT tenant_id, {call} AS stripe_customer_id FROM billing_portal_tenants");
        std::fs::write(&path, select).unwrap();
        let (_folder, mut service) = start(&[&database.setting(), &setting], &[]);
        let cause = service.logs(NOT_READY).await["cause"].to_string();
        assert!(cause.contains(why), "{cause}");
        let written: i64 = sqlx::query_scalar("SELECT count(*) FROM written").fetch_one(&database.admin).await.unwrap();
        assert_eq!(written, 0, "{call}");
    }
    // The role itself could, and the same function does: it is the connection that can't.
    database.run(&format!("SET ROLE {role}; SELECT write_down(); RESET ROLE")).await;
    let written: i64 = sqlx::query_scalar("SELECT count(*) FROM written").fetch_one(&database.admin).await.unwrap();
    assert_eq!(written, 1);
}
