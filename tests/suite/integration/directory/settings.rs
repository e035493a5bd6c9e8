//! Integration: the directory settings that the real binary accepts, and the one line with which it rejects the others.

use std::net::TcpListener;

use crate::support::process::run_with;

/// The password in every setting of these tests that has one. It must never be printed.
const SECRET: &str = "hunter2";

pub(super) async fn assert_refused(changes: &[&str], variables: &[(&str, &str)], named: &str, problem: &str) {
    let output = run_with(changes, variables).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{changes:?}: {text}");
    let messages: Vec<_> = text.lines().filter(|line| !line.starts_with('{')).collect();
    assert_eq!(messages.len(), 1, "{changes:?}: {text}");
    assert!(messages[0].starts_with(&format!("billing-portal: {named}: ")), "{changes:?}: {text}");
    assert!(messages[0].contains(problem), "{changes:?}: {text}");
    assert!(!text.contains(SECRET), "{changes:?}: {text}");
}

/// Asserts that settings are accepted: the process fails only when it binds its address, which is in use.
pub(super) async fn assert_accepted(changes: &[&str]) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    let output = run_with(&[changes, &[&listen]].concat(), &[]).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{changes:?}: {text}");
    assert!(!text.contains(SECRET), "{changes:?}: {text}");
}

#[tokio::test]
async fn invalid_or_unsafe_database_url_prevents_startup() {
    for (url, problem) in [
        // Off loopback, the server must be verified, or the URL says that something else encrypts.
        ("postgres://portal@db.example.com/app", "missing sslmode"),
        ("postgresql://portal@db.example.com/app", "missing sslmode"),
        ("postgres://portal@db.example.com/app?sslmode=prefer", "does not verify the server"),
        ("postgres://portal@db.example.com/app?sslmode=allow", "does not verify the server"),
        ("postgres://portal@db.example.com/app?sslmode=require", "does not verify the server"),
        ("postgres://portal@db.example.com/app?sslmode=verify-ca", "does not verify the server"),
        ("postgres://portal@db.example.com/app?ssl-mode=prefer", "does not verify the server"),
        ("postgres://portal@db.example.com/app?sslmode=VERIFY-FULL", "unknown sslmode"),
        ("postgres://portal@db.example.com/app?sslmode=", "missing sslmode"),
        ("postgres://portal@db.example.com/app?sslmode=verify-full&sslmode=disable", "duplicate"),
        ("postgres://portal@db.example.com/app?sslmode=verify-full&ssl-mode=prefer", "duplicate"),
        ("postgres://portal@10.0.0.1/app", "missing sslmode"),
        ("postgres://portal@[2001:db8::1]/app", "missing sslmode"),
        ("postgres://portal@localhost.example.com/app", "missing sslmode"),
        ("postgres://portal@127.0.0.1.example.com/app", "missing sslmode"),
        ("postgres:///app?user=portal&host=db.example.com", "missing sslmode"),
        ("postgres:///app?user=portal&hostaddr=10.0.0.1", "missing sslmode"),
        // One server, named once.
        ("postgres://portal@localhost/app?host=db.example.com", "duplicate"),
        ("postgres://portal@localhost/app?hostaddr=10.0.0.1", "duplicate"),
        ("postgres:///app?user=portal&host=localhost&hostaddr=10.0.0.1", "duplicate"),
        ("postgres://portal@localhost:5432/app?port=5433", "duplicate"),
        ("postgres://portal@localhost/app?user=root", "duplicate"),
        ("postgres://portal@localhost/app?dbname=other", "duplicate"),
        // Several servers: the rules hold for each of them.
        ("postgres:///app?user=portal&host=localhost,db.example.com", "missing sslmode"),
        ("postgres://portal@db.example.com,localhost/app?sslmode=prefer", "does not verify the server"),
        ("postgres://portal:hunter2@localhost,db.example.com/app?sslmode=verify-full", "--database-password-file"),
        ("postgres://portal@a,b,a/app?sslmode=disable", "a host and its port twice"),
        ("postgres://portal@a,b,a:5432/app?sslmode=disable", "a host and its port twice"),
        ("postgres://portal@a,b,c,d,e,f,g/app?sslmode=disable", "more than 6 hosts"),
        ("postgres://portal@a,,b/app?sslmode=disable", "host 2 is empty"),
        ("postgres://portal@,b/app?sslmode=disable", "host 1 is empty"),
        ("postgres://portal@a,:5432/app?sslmode=disable", "host 2 is empty"),
        ("postgres://portal@a,[::1,b/app?sslmode=disable", "host 2 is not valid"),
        ("postgres:///app?user=portal&host=a,,b&sslmode=disable", "host 2 is empty"),
        ("postgres:///app?user=portal&host=a,b%20c&sslmode=disable", "host 2 is not valid"),
        ("postgres:///app?user=portal&host=a,b&port=1,x&sslmode=disable", "port of host 2 is not valid"),
        ("postgres://portal@a:1,b:x/app?sslmode=disable", "port of host 2 is not valid"),
        ("postgres://portal@a:1,b:99999/app?sslmode=disable", "port of host 2 is not valid"),
        ("postgres://portal@a:abc/app?sslmode=disable", "port of host 1 is not valid"),
        ("postgres://portal@a:1,b:0/app?sslmode=disable", "port of host 2 is not valid"),
        ("postgres:///app?user=portal&host=a,b,c&port=1,2&sslmode=disable", "number of ports"),
        ("postgres://portal@a/app?port=1,2&sslmode=disable", "number of ports"),
        ("postgres://portal@a,b:1/app?port=1,2&sslmode=disable", "duplicate"),
        ("postgres://portal@a,b/app?host=c&sslmode=disable", "duplicate"),
        ("postgres:///app?user=portal&host=/run/a,/run/b&sslmode=require", "Unix socket"),
        // Only the primary is read.
        ("postgres://portal@a,b/app?sslmode=disable&target_session_attrs=any", "expected primary or read-write"),
        ("postgres://portal@a,b/app?sslmode=disable&target_session_attrs=standby", "expected primary or read-write"),
        (
            "postgres://portal@a,b/app?sslmode=disable&target_session_attrs=prefer-standby",
            "expected primary or read-write",
        ),
        // Other parameters of libpq.
        ("postgres://portal@localhost/app?connect_timeout=2s", "connect_timeout is not valid"),
        ("postgres://portal@localhost/app?connect_timeout=2&connect_timeout=3", "duplicate"),
        ("postgres://portal@localhost/app?channel_binding=require", "write channel_binding=prefer"),
        ("postgres://portal@localhost/app?channel_binding=hunter2", "unknown channel_binding"),
        ("postgres://portal@localhost/app?application_name=a%00b", "control character"),
        ("postgres:///app?user=portal", "missing host"),
        ("postgres://localhost/app", "missing user"),
        ("postgres://portal@localhost:0/app", "port"),
        ("postgres://portal@localhost/app?port=x", "port"),
        ("postgres://portal%00options@localhost/app", "control character"),
        ("postgres://portal:%hunter2@localhost/app", "write % as %25"),
        ("postgres://localhost/app?user=portal%2", "write % as %25"),
        ("postgres://portal@localhost/app#x", "#"),
        ("postgres://", "missing host"),
        ("postgres:portal@localhost", "unknown kind"),
        ("mysql://portal:hunter2@localhost/app", "unknown kind"),
        // PostgreSQL in the forms of other clients.
        ("password=hunter2 host=a", "expected the URL form instead of keywords"),
        (" dbname = app", "expected the URL form instead of keywords"),
        ("jdbc:postgresql://localhost/app?password=hunter2", "remove jdbc:"),
        ("postgresql+asyncpg://portal:hunter2@localhost/app", "the scheme names a driver"),
        ("postgres://portal@a,b/app?load_balance_hosts=random", "parameter load_balance_hosts; remove it"),
        ("postgres://portal@a/app?prepare_threshold=0", "parameter prepare_threshold; remove it"),
        // A password, which is allowed on loopback only.
        ("postgres://portal:hunter2@db.example.com/app?sslmode=verify-full", "--database-password-file"),
        ("postgres://portal@db.example.com/app?sslmode=verify-full&password=hunter2", "--database-password-file"),
        ("postgres://portal:hunter2@localhost/app?password=hunter2", "duplicate"),
        ("postgres://portal:hun/hunter2@db.example.com/app", "not a valid URL"),
        ("postgres://portal:1?hunter2@db.example.com/app", "unknown parameter"),
        ("postgres://portal:1#hunter2@db.example.com/app", "#"),
        // Parameters that the driver accepts, or that it ignores with a warning that quotes them.
        ("postgres://portal@localhost/app?options=-c%20default_transaction_read_only%3Doff", "unknown parameter"),
        ("postgres://portal@localhost/app?options[default_transaction_read_only]=off", "unknown parameter"),
        ("postgres://portal@localhost/app?sslkey=hunter2", "unknown parameter"),
        ("postgres://portal@localhost/app?passwd=hunter2", "unknown parameter"),
        ("postgres://portal@localhost/app?SSLMODE=disable", "unknown parameter"),
        // Certificates.
        ("postgres://portal@db.example.com/app?sslmode=disable&sslrootcert=/ca.pem", "without sslmode=verify-full"),
        ("postgres://portal@db.example.com/app?sslmode=disable&sslrootcert=system", "without sslmode=verify-full"),
        (
            "postgres://portal@db.example.com/app?sslmode=verify-full&sslrootcert=/nowhere.pem",
            "/nowhere.pem cannot be read: No such file",
        ),
        ("postgres://portal@db.example.com/app?sslmode=verify-full&ssl-root-cert=/dev/null", "certificate"),
        ("postgres://portal@%2Fvar%2Frun/app?sslmode=verify-full", "Unix socket"),
        // SQLite: an existing file, read only.
        ("sqlite:", "missing file name"),
        ("sqlite::memory:", "missing file name"),
        ("sqlite:file:directory.db%3Fvfs=unix-none", "begins with file:"),
        ("sqlite://file:directory.db", "begins with file:"),
        ("sqlite://:memory:", "missing file name"),
        ("sqlite:d.db?mode=memory", "mode=ro"),
        ("sqlite:d.db?immutable=1", "mode=ro"),
        ("sqlite:d.db?vfs=unix-none", "mode=ro"),
        ("sqlite:d.db?cache=shared", "mode=ro"),
    ] {
        assert_refused(&[&format!("--database-url={url}")], &[], "DATABASE_URL", problem).await;
    }
}

#[tokio::test]
async fn safe_database_url_is_accepted_in_every_spelling() {
    for url in [
        "postgres://portal@db.example.com/app?sslmode=verify-full",
        "postgresql://portal@db.example.com:6432/app?ssl-mode=disable",
        "postgres:///?host=db.example.com&user=portal&dbname=app&port=6432&sslmode=disable",
        "postgres://portal@10.0.0.1/app?sslmode=disable",
        "postgres://portal@[2001:db8::1]/app?sslmode=verify-full",
        "postgres://portal@db.example.com/app?sslmode=verify-full&sslrootcert=system&channel_binding=prefer",
        "postgres://portal@10.0.0.1/app?sslmode=disable&channel_binding=disable&application_name=portal%20eu",
        "postgres://portal@a/app?sslmode=disable&connect_timeout=0&target_session_attrs=read-write",
        "postgres://portal@a/app?sslmode=disable&connect_timeout=-1",
        // Several servers, with the ports of each.
        "postgresql://portal@h1:5432,h2:5433/app?sslmode=verify-full&target_session_attrs=primary&connect_timeout=2",
        "postgres://portal@h1,h2:5433,[2001:db8::1],[2001:db8::2]:5433/app?sslmode=verify-full",
        "postgres://portal@h1,h2/app?port=5433&sslmode=disable",
        "postgres:///app?user=portal&host=h1,h2,h3&port=5433,,5434&sslmode=disable",
        "postgres:///app?user=portal&host=/var/run/postgresql,db.example.com&sslmode=verify-full",
        // Loopback.
        "postgres://portal:hunter2@localhost/app",
        "postgres://portal:hunter2@localhost:5432,127.0.0.1:5433,[::1]:5434/app",
        "postgres://portal:hunter2@/app?host=/var/run/postgresql",
        "postgres://portal:hunter2@127.0.0.2/app?sslmode=require",
        "postgres://portal@[::1]/app?sslmode=prefer&password=hunter2",
        "postgres://portal:hunter2@%2Fvar%2Frun%2Fpostgresql/app",
        "postgres:///app?user=portal&host=/var/run/postgresql",
        "sqlite:missing.db",
        "sqlite:missing.db?mode=rwc",
        "sqlite:///missing%3F.db?mode=ro",
    ] {
        assert_accepted(&[&format!("--database-url={url}")]).await;
    }
}

#[tokio::test]
async fn related_settings_must_agree_with_the_database_url() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let password = format!("--database-password-file={}", file("password", "hunter2\n"));
    let remote = "--database-url=postgres://portal@db.example.com/app?sslmode=verify-full";
    let named = "--database-password-file";
    assert_accepted(&[&password, remote]).await;
    assert_refused(&[&password], &[], named, "SQLite").await;
    let local = "--database-url=postgres://portal:hunter2@localhost/app";
    assert_refused(&[&password, local], &[], "DATABASE_URL", "keep only the file").await;
    for (text, problem) in [("", "empty"), ("\n", "empty"), ("hunter2\nhunter2\n", "more than one line")] {
        let file = format!("--database-password-file={}", file("bad", text));
        assert_refused(&[&file, remote], &[], named, problem).await;
    }
    assert_refused(&["--database-password-file=/nowhere", remote], &[], named, "cannot use /nowhere as").await;

    // Variables that the driver always reads.
    for name in ["PGOPTIONS", "PGSSLCERT", "PGSSLKEY"] {
        assert_refused(&[remote], &[(name, "hunter2")], name, "remove it").await;
    }
}

#[tokio::test]
async fn sql_file_that_is_not_one_select_prevents_startup() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relation.sql");
    for (text, problem) in [
        ("", "does not contain a statement"),
        ("-- later", "does not contain a statement"),
        ("DELETE FROM accounts", "does not begin with SELECT"),
        ("VALUES (1, 2)", "does not begin with SELECT"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("SELECT 1) AS x, (SELECT 2", "not open"),
        ("SELECT $1", "parameter"),
    ] {
        std::fs::write(&path, text).unwrap();
        for name in ["--tenants-sql-file", "--owners-sql-file"] {
            for url in ["sqlite:d.db", "postgres://portal@localhost/app"] {
                let (file, url) = (format!("{name}={}", path.display()), format!("--database-url={url}"));
                assert_refused(&[&file, &url], &[], name, problem).await;
            }
        }
    }
    assert_refused(
        &["--tenants-sql-file=/nowhere"],
        &[],
        "--tenants-sql-file",
        "/nowhere cannot be read: No such file",
    )
    .await;
    std::fs::write(&path, "SELECT '?1', e ? 'x' FROM t;\n").unwrap();
    let file = format!("--tenants-sql-file={}", path.display());
    assert_accepted(&[&file, "--database-url=postgres://portal@localhost/app"]).await;
    assert_refused(&[&file], &[], "--tenants-sql-file", "parameter").await;
    let owners = format!("--owners-sql-file={}", path.display());
    assert_refused(&[&owners, "--ownership=token"], &[], "--owners-sql-file", "--ownership token").await;
}
