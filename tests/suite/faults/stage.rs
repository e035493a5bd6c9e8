//! The service in a process of its own, with the real PostgreSQL, the simulator of Stripe over TLS, and its files.

use std::{
    fs::File,
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Instant,
};

use serde_json::Value;
use stripe_simulator::{Customer, Mode, Settings, Simulator};
use tempfile::TempDir;
use tokio::task::block_in_place;

use super::{
    fault::{Fault, Setup},
    launch::{self, HOSTS},
    load::{Load, TENANTS},
    pipe::PipeReader,
    servers::{Servers, customer, password_statement, schema_and_rows, tcp_setting},
};
use crate::support::{
    Issuer, PgBouncer, Postgres, files,
    postgres::TestDatabase,
    process::{Serving, serve},
    settings::{arguments, override_settings},
    stripe,
    world::FLAG_ON,
};

/// The password that every role has at first.
const PASSWORD: &str = "first-secret";

/// The name of the audit file. Rotated ones begin with it.
pub(super) const AUDIT: &str = "audit.jsonl";

/// How large a run is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// How many calls start while a fault lasts.
    pub(super) calls: usize,
    /// By how much a number of changes is divided.
    pub(super) divisor: usize,
    pub(super) settings: &'static [&'static str],
}

pub(super) struct Stage {
    form: Form,
    /// The first reason of the fault.
    expected: Option<&'static str>,
    pub(super) load: Load,
    pub(super) serving: Serving,
    pub(super) stripe: Simulator,
    pub(super) database: TestDatabase,
    /// The folder with the audit file, as this process sees it.
    pub(super) audit_folder: PathBuf,
    /// Keeps the disk of the audit file, which only the service has mounted.
    _disk: Option<File>,
    pub(super) pipe: Option<PipeReader>,
    _pooler: Option<PgBouncer>,
    explained: Mutex<Vec<[Instant; 2]>>,
    servers: Servers,
    folder: TempDir,
}

impl Stage {
    /// Starts everything, and the load once the service is ready.
    pub(super) async fn start(fault: &Fault, form: Form) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stripe = stripe::simulator(Settings::default().tls()).await;
        for tenant in 0..TENANTS {
            stripe.add_customer(Customer::new(&customer(tenant)).metadata("tenant_id", &format!("t{tenant}")));
        }
        let servers = block_in_place(|| Servers::start(fault.setup));
        let database = servers.primary().database().await;
        database.run(&schema_and_rows()).await;
        database.run(&password_statement(&database.name, PASSWORD)).await;
        if servers.standby().is_some() {
            database.wait_for_standby().await;
        }
        let pooler = (fault.setup == Setup::Pooler).then(|| {
            block_in_place(|| {
                PgBouncer::start(servers.primary(), &database, "pool_mode = transaction\nserver_login_retry = 1")
            })
        });
        let issuer = Issuer::new("key-1");
        for (name, text) in [
            ("flags.json", FLAG_ON),
            ("jwks.json", &issuer.jwks().to_string()),
            ("stripe.key", stripe.secret_key(Mode::Test)),
            ("password", PASSWORD),
            ("ca.pem", stripe.ca_pem().unwrap()),
            ("hosts", HOSTS),
            ("nsswitch.conf", "hosts: files\n"),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }

        let mut settings = arguments(&folder, stripe.base_url());
        let password = format!("--database-password-file={}", folder.path().join("password").display());
        let database_settings = match (&pooler, fault.setup) {
            (Some(pooler), _) => vec![pooler.setting(&database)],
            (None, Setup::Password | Setup::Standby) => vec![tcp_setting(&database, &servers), password],
            (None, _) => vec![database.setting()],
        };
        let host_name = format!("--stripe-api-base={}", stripe.base_url().replace("127.0.0.1", "localhost"));
        let mut changes: Vec<&str> = vec!["--listen=127.0.0.1:0"];
        changes.extend(database_settings.iter().map(String::as_str));
        changes.extend(form.settings.iter().chain(fault.settings));
        if fault.setup == Setup::HostName {
            changes.push(&host_name);
        }
        let audit = format!("--audit=file:{}", folder.path().join(fault.setup.audit_path()).display());
        changes.push(&audit);
        override_settings(&mut settings, &changes);
        let pipe = (fault.setup == Setup::Pipe)
            .then(|| PipeReader::start(folder.path().join(fault.setup.audit_path()), &folder.path().join(AUDIT)));
        std::fs::create_dir(folder.path().join("disk")).unwrap();
        let mut command = launch::command(fault.setup, folder.path()).await;
        command.args(settings).env("SSL_CERT_FILE", folder.path().join("ca.pem"));
        let serving = serve(command).await;
        serving.wait_for_lines(r#""message":"ready""#, 1).await;
        let load = Load::start(serving.address, issuer);
        let disk = (fault.setup == Setup::SmallDisk).then(|| {
            let root = PathBuf::from(format!("/proc/{}/root", serving.child.id().unwrap()));
            File::open(root.join(folder.path().join("disk").strip_prefix("/").unwrap())).unwrap()
        });
        let audit_folder = disk
            .as_ref()
            .map_or_else(|| folder.path().to_owned(), |disk| format!("/proc/self/fd/{}", disk.as_raw_fd()).into());
        let expected = fault.reasons.first().copied();
        Self {
            form,
            expected,
            load,
            serving,
            stripe,
            database,
            audit_folder,
            _disk: disk,
            pipe,
            _pooler: pooler,
            explained: Mutex::default(),
            servers,
            folder,
        }
    }

    /// The database server, or the primary of several.
    pub(super) fn server(&self) -> &Postgres {
        self.servers.primary()
    }

    pub(super) fn standby(&self) -> &Postgres {
        self.servers.standby().unwrap()
    }

    pub(super) fn pipe(&self) -> &PipeReader {
        self.pipe.as_ref().unwrap()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a file in one step.
    pub(super) fn replace(&self, name: &str, text: &str) {
        files::replace(&self.path(name), text);
    }

    /// Returns a number of changes for the form of this run.
    pub(super) fn scaled(&self, changes: usize) -> usize {
        changes / self.form.divisor
    }

    /// Lets the fault last: until enough calls have started, and one of them was refused as expected.
    pub(super) async fn hold(&self) {
        self.load.wait_for_calls(self.form.calls).await;
        self.wait_for_refusal().await;
    }

    /// Waits until a call was refused as expected, if the fault has a reason.
    pub(super) async fn wait_for_refusal(&self) {
        if let Some(expected) = self.expected {
            self.load.wait_for(expected, |calls| calls.iter().any(|call| call.status() == expected)).await;
        }
    }

    /// Waits until the service has logged this number of times that it loaded the file of a setting.
    pub(super) async fn wait_until_loaded(&self, setting: &str, times: usize) {
        let line = format!(r#""message":"file loaded","setting":"{setting}""#);
        self.serving.wait_for_lines(&line, times).await;
    }

    /// Says that the documented procedure explains failures from a moment until now.
    pub(super) fn explain_failures_since(&self, begun: Instant) {
        self.explained.lock().unwrap().push([begun, Instant::now()]);
    }

    /// The periods in which failures are explained.
    pub(super) fn explained(&self) -> Vec<[Instant; 2]> {
        self.explained.lock().unwrap().clone()
    }

    /// Runs statements with all privileges.
    pub(super) async fn sql(&self, statements: &str) {
        self.database.run(statements).await;
    }

    /// Changes the password of the role, but not the file.
    pub(super) async fn change_password(&self, password: &str) {
        self.sql(&password_statement(&self.database.name, password)).await;
    }

    /// Closes the connections of the service to the database.
    pub(super) async fn close_connections(&self) {
        self.sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'billing-portal' AND datname = current_database()").await;
    }
}

/// Returns all audit entries, once the service has ended.
pub(super) async fn audit(pipe: Option<PipeReader>, folder: &Path) -> Vec<Value> {
    if let Some(pipe) = pipe {
        pipe.end().await;
    }
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let files = files.filter(|file| file.file_name().to_str().unwrap().starts_with(AUDIT));
    files.flat_map(|file| files::json_lines(&file.path())).collect()
}
