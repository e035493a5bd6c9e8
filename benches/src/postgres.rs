//! A PostgreSQL server with its own folder, and no port: it listens only on a socket in the folder.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use rustix::process::{Signal, getuid};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use tempfile::TempDir;

use crate::process::Process;

/// The id of `nobody`. PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

/// A running server. Dropping it stops it and removes its data.
pub struct Postgres {
    // Stopped before the folder is removed.
    _process: Process,
    folder: TempDir,
}

impl Postgres {
    /// Creates and starts a server with the default settings, and waits until it accepts connections.
    ///
    /// # Errors
    /// If its programs are missing or fail.
    pub async fn start(log: PathBuf) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("billing-portal-bench-").tempdir()?;
        chown(folder.path(), Some(owner()), None)?;
        let arguments = ["--pgdata=data", "--auth=trust", "--username=bench", "--encoding=UTF8", "--locale=C"];
        let output = program("initdb", folder.path())?.args(arguments).output()?;
        anyhow::ensure!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        let mut command = program("postgres", folder.path())?;
        command.args(["-D", "data", "-c", "listen_addresses=", "-c"]);
        command.arg(format!("unix_socket_directories={}", folder.path().display()));
        let mut process = Process::start(command, &[crate::DRIVER], log)?;
        process.stop = Signal::INT;
        process.logged(|line| line.contains("ready to accept connections").then_some(())).await?;
        Ok(Self { _process: process, folder })
    }

    /// Connects to a database.
    ///
    /// # Errors
    /// If it does not exist.
    pub async fn connect(&self, database: &str) -> Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass().socket(self.folder.path()).username("bench");
        Ok(options.database(database).connect().await?)
    }

    /// Creates a database.
    ///
    /// # Errors
    /// If it exists.
    pub async fn create(&self, database: &str) -> Result<PgConnection> {
        let mut connection = self.connect("postgres").await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {database}"))).execute(&mut connection).await?;
        connection.close().await?;
        self.connect(database).await
    }

    /// Returns the URL of a database.
    pub fn url(&self, database: &str) -> String {
        let socket = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://bench@{socket}/{database}")
    }
}

fn owner() -> u32 {
    if getuid().is_root() { NOBODY } else { getuid().as_raw() }
}

/// Returns a program of the server: from the newest version that Debian has installed, otherwise from `PATH`.
fn program(name: &str, folder: &Path) -> Result<Command> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let installed = versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).max();
    let mut command = Command::new(installed.unwrap_or_else(|| name.into()));
    command.current_dir(folder);
    if getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    Ok(command)
}
