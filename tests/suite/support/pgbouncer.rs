//! A PgBouncer for the tests, in front of the PostgreSQL server, with its own folder and socket.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;

use super::{
    Postgres,
    postgres::{TestDatabase, as_database_user},
};

/// Starts PgBouncer, and stops it at the end of the standard input, a pipe from the test process. PgBouncer reports to
/// standard error what it does.
const GUARD: &str = r#""$1/pgbouncer" "$1/pgbouncer.ini" 2>&1 & exec >/dev/null; cat; kill $!; wait"#;

/// Only a part of the name of the socket, which is in its own folder.
const PORT: u16 = 6432;

pub(crate) struct PgBouncer {
    folder: TempDir,
    guard: Child,
}

impl PgBouncer {
    /// Starts it with settings of the mode, and otherwise with its default ones.
    pub(crate) fn start(server: &Postgres, database: &TestDatabase, mode: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("billing-portal-pgbouncer-").tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let path = folder.path().display();
        let settings = format!(
            "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_port = {PORT}\nunix_socket_dir = {path}\n\
             auth_type = trust\nauth_file = {path}/users\n{mode}\n",
            server.folder().display(),
            server.port
        );
        std::fs::write(folder.path().join("pgbouncer.ini"), settings).unwrap();
        // The user that runs it may not be permitted to enter the folder of the program.
        std::fs::copy(program(), folder.path().join("pgbouncer")).unwrap();
        std::fs::write(folder.path().join("users"), format!("\"{}\" \"\"\n", database.name)).unwrap();
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard"]).arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        as_database_user(&mut guard, server.folder());
        let mut guard = guard.process_group(0).spawn().unwrap();
        let mut log = BufReader::new(guard.stdout.take().unwrap()).lines();
        let mut lines = Vec::new();
        let is_up = log.by_ref().map_while(Result::ok).any(|line| {
            lines.push(line);
            lines.iter().any(|line| line.contains("process up"))
        });
        assert!(is_up, "{}", lines.join("\n"));
        // A full pipe would stop it.
        std::thread::spawn(move || log.count());
        Self { folder, guard }
    }

    /// The setting with which the service connects through it.
    pub(crate) fn setting(&self, database: &TestDatabase) -> String {
        let socket = self.folder.path().display().to_string().replace('/', "%2F");
        format!("--database-url=postgres://{name}@{socket}:{PORT}/{name}", name = database.name)
    }

    /// The folder and the port of its socket.
    pub(crate) fn socket(&self) -> (&Path, u16) {
        (self.folder.path(), PORT)
    }

    /// Options with which another client connects through it.
    pub(crate) fn options(&self, database: &TestDatabase) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass().socket(self.folder.path()).port(PORT);
        options.username(&database.name).database(&database.name).extra_float_digits(None)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().unwrap();
    }
}

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("pgbouncer")).find(|program| program.exists());
    found.expect("PgBouncer is missing; tests/run installs it")
}
