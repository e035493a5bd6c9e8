//! A PostgreSQL server for the tests, with its own folder, socket and loopback port.
//!
//! A guard process stops the server and removes the folder when the test process ends for any reason. The guard is a shell
//! that waits for the end of its standard input, a pipe from the test process. It has its own process group, so that
//! Ctrl-C does not end it first.

mod standby;

use std::{
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sqlx::{
    AssertSqlSafe, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

pub(crate) use super::test_database::TestDatabase;

/// The id of `nobody`. The server runs as this user when the tests run as root, because PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

/// Waits for the end of its standard input, then stops the server and removes the folder.
const GUARD: &str = r#"cat >/dev/null
if [ -f "$1/data/postmaster.pid" ]; then
    kill -CONT "$(head -n 1 "$1/data/postmaster.pid")"
    "$2/pg_ctl" --pgdata="$1/data" --mode=immediate --silent stop
fi
rm -rf "$1""#;

/// Connections over the socket are trusted; connections over TCP need a password.
const HBA: &str = "local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

pub(crate) struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    guard: Child,
    /// The port number, the same for the socket and on 127.0.0.1.
    pub(crate) port: u16,
}

impl Postgres {
    /// Returns the server that the tests of this process share. Each test has its own database.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts a separate server, which the caller can stop and pause.
    pub(crate) fn start() -> Self {
        let server = Self::create();
        server.run("initdb", &["--no-sync", "--auth=trust", "--username=admin", "--encoding=UTF8", "--locale=C"]);
        std::fs::write(server.folder.join("data/pg_hba.conf"), HBA).unwrap();
        server.write_certificates();
        server.start_on_free_port("")
    }

    /// Creates the folder of a server, and the guard.
    fn create() -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new().prefix("billing-portal-postgres-").tempdir().unwrap().keep();
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard"]).args([&folder, &programs]).stdin(Stdio::piped()).stderr(Stdio::null());
        as_database_user(&mut guard, &folder);
        let guard = guard.stdout(Stdio::null()).process_group(0).spawn().unwrap();
        let server = Self { folder, programs, guard, port: 0 };
        server.chown_to_database_user(&server.folder);
        server
    }

    /// Another process may take the free port before the server binds it, so several ports are tried.
    fn start_on_free_port(mut self, settings: &str) -> Self {
        let started = (0..10).any(|_| {
            self.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            self.configure(settings);
            self.try_run("pg_ctl", &["--silent", "--wait", "--log=log", "start"])
        });
        assert!(started, "{}", std::fs::read_to_string(self.folder.join("log")).unwrap());
        self
    }

    fn configure(&self, more: &str) {
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\nfsync = off\nssl = on\n\
             ssl_cert_file = '../server.pem'\nssl_key_file = '../server.key'\nmax_connections = 200\n{more}",
            self.port,
            self.folder.display()
        );
        std::fs::write(self.folder.join("data/postgresql.auto.conf"), settings).unwrap();
    }

    /// Writes a certificate for `localhost`, not for an IP address, from this server's own CA.
    fn write_certificates(&self) {
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
        std::fs::write(self.ca_file(), ca.pem()).unwrap();
        std::fs::write(self.folder.join("server.pem"), certificate.pem()).unwrap();
        let key_file = self.folder.join("server.key");
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
        self.chown_to_database_user(&key_file);
    }

    fn chown_to_database_user(&self, path: &Path) {
        if is_root(&self.folder) {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    fn try_run(&self, program: &str, arguments: &[&str]) -> bool {
        let mut command = Command::new(self.programs.join(program));
        command.arg("--pgdata=data").args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        as_database_user(&mut command, &self.folder);
        command.stdout(Stdio::null()).status().unwrap().success()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        assert!(self.try_run(program, arguments), "{program} {arguments:?} failed");
    }

    pub(crate) fn stop(&self) {
        self.run("pg_ctl", &["--silent", "--wait", "--mode=fast", "stop"]);
    }

    pub(crate) fn start_again(&self) {
        self.run("pg_ctl", &["--silent", "--wait", "--log=log", "start"]);
    }

    /// Sends a signal to the server, and to those of the backend processes that have not ended.
    pub(crate) async fn signal(&self, signal: &str, backends: &[i32]) {
        let postmaster = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        let mut ids = vec![postmaster.lines().next().unwrap().to_owned()];
        ids.extend(backends.iter().map(i32::to_string));
        let command =
            format!("for id in {}; do kill -{signal} $id || [ ! -e /proc/$id ] || exit 1; done", ids.join(" "));
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success(), "{command}");
    }

    /// The folder of the socket.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The CA certificate, for `sslrootcert` or `SSL_CERT_FILE`.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Creates a database `portal_…`, and a role of the same name that may read every table in it.
    pub(crate) async fn database(&self) -> TestDatabase {
        self.database_with("").await
    }

    /// Creates a database with options of CREATE DATABASE.
    pub(crate) async fn database_with(&self, options: &str) -> TestDatabase {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("portal_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let admin = self.connect("postgres").await;
        for statement in
            [format!("CREATE DATABASE {name} {options}"), format!("CREATE ROLE {name} LOGIN PASSWORD 'first-secret'")]
        {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&admin).await.unwrap();
        }
        admin.close().await;
        let admin = self.connect(&name).await;
        let grant = format!("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {name}");
        sqlx::raw_sql(AssertSqlSafe(grant)).execute(&admin).await.unwrap();
        let socket = self.folder.display().to_string().replace('/', "%2F");
        let url = format!("postgres://{name}@{socket}:{}/{name}", self.port);
        TestDatabase { name, admin, url }
    }

    async fn connect(&self, database: &str) -> PgPool {
        let options = PgConnectOptions::new_without_pgpass().socket(&self.folder).port(self.port);
        let options = options.username("admin").database(database);
        PgPoolOptions::new().max_connections(3).connect_with(options).await.unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().unwrap();
    }
}

fn is_root(folder: &Path) -> bool {
    // This process created the folder, and may have given it to `nobody` since.
    [0, NOBODY].contains(&std::fs::metadata(folder).unwrap().uid())
}

pub(crate) fn as_database_user(command: &mut Command, folder: &Path) {
    if is_root(folder) {
        command.uid(NOBODY).gid(NOBODY);
    }
}

/// Returns the folder of the server's programs, which Debian installs outside PATH, by version.
fn programs() -> PathBuf {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let versions = debian.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())));
    let newest = versions.filter(|(_, path)| path.join("bin/initdb").exists()).max().map(|(_, path)| path.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path =
        std::env::split_paths(&path).find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists());
    newest.or(on_path).expect("the PostgreSQL server programs are missing; tests/run installs them")
}
