//! Integration: what the settings of the directory may be, told by the real binary in one line or not at all.

use std::net::TcpListener;

use crate::support::process::run_with;

/// Stands wherever a password may; it must never be printed.
const SECRET: &str = "hunter2";

async fn refused(changes: &[&str], variables: &[(&str, &str)], named: &str, problem: &str) {
    let output = run_with(changes, variables).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{changes:?}: {text}");
    let messages: Vec<_> = text.lines().filter(|line| !line.starts_with('{')).collect();
    assert_eq!(messages.len(), 1, "{changes:?}: {text}");
    assert!(messages[0].starts_with(&format!("billing-portal: {named} ")), "{changes:?}: {text}");
    assert!(messages[0].contains(problem), "{changes:?}: {text}");
    assert!(!text.contains(SECRET), "{changes:?}: {text}");
}

/// It gets as far as its listener, whose address is taken: the settings were good.
async fn accepted(changes: &[&str]) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    let output = run_with(&[changes, &[&listen]].concat(), &[]).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{changes:?}: {text}");
    assert!(!text.contains(SECRET), "{changes:?}: {text}");
}

#[tokio::test]
async fn each_database_url_that_is_wrong_or_unsafe_stops_the_start() {
    for (url, problem) in [
        // Off loopback: the server is proved, or somebody else encrypts and that is written down.
        ("postgres://portal@db.example.com/app", "no sslmode"),
        ("postgresql://portal@db.example.com/app", "no sslmode"),
        ("postgres://portal@db.example.com/app?sslmode=prefer", "proves no server"),
        ("postgres://portal@db.example.com/app?sslmode=allow", "proves no server"),
        ("postgres://portal@db.example.com/app?sslmode=require", "proves no server"),
        ("postgres://portal@db.example.com/app?sslmode=verify-ca", "proves no server"),
        ("postgres://portal@db.example.com/app?ssl-mode=prefer", "proves no server"),
        ("postgres://portal@db.example.com/app?sslmode=VERIFY-FULL", "is none"),
        ("postgres://portal@db.example.com/app?sslmode=", "no sslmode"),
        ("postgres://portal@db.example.com/app?sslmode=verify-full&sslmode=disable", "twice"),
        ("postgres://portal@db.example.com/app?sslmode=verify-full&ssl-mode=prefer", "twice"),
        ("postgres://portal@10.0.0.1/app", "no sslmode"),
        ("postgres://portal@[2001:db8::1]/app", "no sslmode"),
        ("postgres://portal@localhost.example.com/app", "no sslmode"),
        ("postgres://portal@127.0.0.1.example.com/app", "no sslmode"),
        ("postgres:///app?user=portal&host=db.example.com", "no sslmode"),
        ("postgres:///app?user=portal&hostaddr=10.0.0.1", "no sslmode"),
        // One server, said once.
        ("postgres://portal@localhost/app?host=db.example.com", "twice"),
        ("postgres://portal@localhost/app?hostaddr=10.0.0.1", "twice"),
        ("postgres:///app?user=portal&host=localhost&hostaddr=10.0.0.1", "twice"),
        ("postgres://portal@localhost:5432/app?port=5433", "twice"),
        ("postgres://portal@localhost/app?user=root", "twice"),
        ("postgres://portal@localhost/app?dbname=other", "twice"),
        ("postgres:///app?user=portal&host=localhost,db.example.com", "neither one name"),
        ("postgres://portal@a,b/app?sslmode=disable", "neither one name"),
        ("postgres:///app?user=portal", "no host"),
        ("postgres://localhost/app", "no user"),
        ("postgres://portal@localhost:0/app", "port"),
        ("postgres://portal@localhost/app?port=x", "port"),
        ("postgres://portal%00options@localhost/app", "control character"),
        ("postgres://portal@localhost/app#x", "#"),
        ("postgres://", "no host"),
        ("postgres:portal@localhost", "no known kind"),
        ("mysql://portal:hunter2@localhost/app", "no known kind"),
        // A password in it; only loopback is excused.
        ("postgres://portal:hunter2@db.example.com/app?sslmode=verify-full", "--database-password-file"),
        ("postgres://portal@db.example.com/app?sslmode=verify-full&password=hunter2", "--database-password-file"),
        ("postgres://portal:hunter2@localhost/app?password=hunter2", "twice"),
        ("postgres://portal:hun/hunter2@db.example.com/app", "is no URL"),
        ("postgres://portal:1?hunter2@db.example.com/app", "not taken"),
        ("postgres://portal:1#hunter2@db.example.com/app", "#"),
        // What the driver knows, or ignores with a warning that quotes it.
        ("postgres://portal@localhost/app?options=-c%20default_transaction_read_only%3Doff", "not taken"),
        ("postgres://portal@localhost/app?options[default_transaction_read_only]=off", "not taken"),
        ("postgres://portal@localhost/app?sslkey=hunter2", "not taken"),
        ("postgres://portal@localhost/app?passwd=hunter2", "not taken"),
        ("postgres://portal@localhost/app?SSLMODE=disable", "not taken"),
        // Certificates.
        ("postgres://portal@db.example.com/app?sslmode=disable&sslrootcert=/ca.pem", "verify-full only"),
        ("postgres://portal@db.example.com/app?sslmode=verify-full&sslrootcert=/nowhere.pem", "certificate"),
        ("postgres://portal@db.example.com/app?sslmode=verify-full&ssl-root-cert=/dev/null", "certificate"),
        ("postgres://portal@%2Fvar%2Frun/app?sslmode=verify-full", "Unix socket"),
        // SQLite: a file, read only, as it is.
        ("sqlite:", "no file"),
        ("sqlite::memory:", "no file"),
        ("sqlite://:memory:", "no file"),
        ("sqlite:d.db?mode=memory", "mode=ro"),
        ("sqlite:d.db?immutable=1", "mode=ro"),
        ("sqlite:d.db?vfs=unix-none", "mode=ro"),
        ("sqlite:d.db?cache=shared", "mode=ro"),
    ] {
        refused(&[&format!("--database-url={url}")], &[], "DATABASE_URL", problem).await;
    }
}

#[tokio::test]
async fn each_safe_database_url_is_accepted_by_whichever_spelling() {
    for url in [
        "postgres://portal@db.example.com/app?sslmode=verify-full",
        "postgresql://portal@db.example.com:6432/app?ssl-mode=disable",
        "postgres:///?host=db.example.com&user=portal&dbname=app&port=6432&sslmode=disable",
        "postgres://portal@10.0.0.1/app?sslmode=disable",
        "postgres://portal@[2001:db8::1]/app?sslmode=verify-full",
        // Loopback.
        "postgres://portal:hunter2@localhost/app",
        "postgres://portal:hunter2@127.0.0.2/app?sslmode=require",
        "postgres://portal@[::1]/app?sslmode=prefer&password=hunter2",
        "postgres://portal:hunter2@%2Fvar%2Frun%2Fpostgresql/app",
        "postgres:///app?user=portal&host=/var/run/postgresql",
        "sqlite:missing.db",
        "sqlite:missing.db?mode=rwc",
        "sqlite:///missing%3F.db?mode=ro",
    ] {
        accepted(&[&format!("--database-url={url}")]).await;
    }
}

#[tokio::test]
async fn the_settings_beside_the_url_must_agree_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let password = format!("--database-password-file={}", file("password", "hunter2\n"));
    let remote = "--database-url=postgres://portal@db.example.com/app?sslmode=verify-full";
    let named = "--database-password-file";
    accepted(&[&password, remote]).await;
    refused(&[&password], &[], named, "SQLite").await;
    let local = "--database-url=postgres://portal:hunter2@localhost/app";
    refused(&[&password, local], &[], "DATABASE_URL", "keep the file").await;
    for (text, problem) in [("", "empty"), ("\n", "empty"), ("hunter2\nhunter2\n", "more than one line")] {
        let file = format!("--database-password-file={}", file("bad", text));
        refused(&[&file, remote], &[], named, problem).await;
    }
    refused(&["--database-password-file=/nowhere", remote], &[], named, "can't be used").await;

    // What the driver takes from variables and can't be told not to.
    for name in ["PGOPTIONS", "PGSSLCERT", "PGSSLKEY"] {
        refused(&[remote], &[(name, "hunter2")], name, "remove it").await;
    }
}

#[tokio::test]
async fn each_sql_file_that_is_not_one_select_stops_the_start() {
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
                refused(&[&file, &url], &[], name, problem).await;
            }
        }
    }
    refused(&["--tenants-sql-file=/nowhere"], &[], "--tenants-sql-file", "can't be used").await;
    std::fs::write(&path, "SELECT '?1', e ? 'x' FROM t;\n").unwrap();
    let file = format!("--tenants-sql-file={}", path.display());
    accepted(&[&file, "--database-url=postgres://portal@localhost/app"]).await;
    refused(&[&file], &[], "--tenants-sql-file", "parameter").await;
    let owners = format!("--owners-sql-file={}", path.display());
    refused(&[&owners, "--ownership=token"], &[], "--owners-sql-file", "--ownership token").await;
}
