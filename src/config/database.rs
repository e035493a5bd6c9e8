//! `DATABASE_URL` and the settings beside it: which database, and what a connection to it must be.
//!
//! The URL is taken apart here and not by the driver, which would warn of a parameter that it does not know, with its
//! value, and fill gaps from variables and files of its own. No message quotes any part of it, for a password may stand
//! where it does not belong.

use std::{borrow::Cow, net::IpAddr, path::PathBuf};

use percent_encoding::percent_decode_str;
use url::Url;

use crate::{
    adapters::directory::{Database, Host, Ownership, Password, PgSslMode, PostgresServer},
    config::{SettingError, Settings, environment},
};

const DEFAULT_PORT: u16 = 5432;

/// Where the directory is, and what is asked of it.
#[derive(Clone, Debug)]
pub struct DirectorySettings {
    /// From `DATABASE_URL`.
    pub database: Database,
    /// For PostgreSQL only.
    pub password_file: Option<PathBuf>,
    /// Whether present membership is asked for.
    pub ownership: Ownership,
    /// The file with a SELECT statement for the tenants.
    pub tenants_sql_file: Option<PathBuf>,
    /// The file with a SELECT statement for the owners; none where owners are not asked for.
    pub owners_sql_file: Option<PathBuf>,
}

/// Checks the settings of the directory together.
pub(super) fn check(settings: &Settings) -> Result<DirectorySettings, SettingError> {
    Ok(DirectorySettings {
        database: database(settings)?,
        password_file: settings.database_password_file.clone(),
        ownership: settings.ownership,
        tenants_sql_file: settings.tenants_sql_file.clone(),
        owners_sql_file: settings.owners_sql_file.clone(),
    })
}

fn database(settings: &Settings) -> Result<Database, SettingError> {
    if settings.ownership == Ownership::Token && settings.owners_sql_file.is_some() {
        let problem = "contradicts --ownership token, which asks for no owners; leave out one of the two";
        return Err(SettingError::new("--owners-sql-file", problem));
    }
    let has_file = settings.database_password_file.is_some();
    if let Some(path) = settings.database_url.strip_prefix("sqlite:") {
        if has_file {
            return Err(SettingError::new("--database-password-file", "is for PostgreSQL; leave it out with SQLite"));
        }
        return sqlite(path).map(Database::Sqlite).map_err(wrong);
    }
    if !["postgres://", "postgresql://"].iter().any(|scheme| settings.database_url.starts_with(scheme)) {
        return Err(wrong(
            "is of no known kind; give sqlite:PATH or postgres://USER@HOST/DATABASE?sslmode=verify-full",
        ));
    }
    environment::refuse_postgres_variables(|name| std::env::var_os(name))?;
    let server = Parts::of(&settings.database_url).and_then(Parts::server).map_err(wrong)?;
    if has_file && server.password.is_some() {
        return Err(wrong("holds a password, and --database-password-file is given, too; keep the file"));
    }
    Ok(Database::Postgres(server))
}

fn wrong(problem: &str) -> SettingError {
    SettingError::new("DATABASE_URL", problem)
}

/// The file's path. It is always opened for reading only, whatever `mode` asks for.
fn sqlite(text: &str) -> Result<PathBuf, &'static str> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name != "mode" || !["ro", "rw", "rwc"].contains(&&*value) {
            return Err(
                "has a parameter other than mode=ro, rw or rwc; the file is opened for reading only, and as it is",
            );
        }
    }
    let path = decoded(path.strip_prefix("//").unwrap_or(path))?;
    if path.is_empty() || path == ":memory:" {
        return Err("names no file; give sqlite:PATH");
    }
    Ok(path.into_owned().into())
}

/// What a PostgreSQL URL says, each thing once, by whichever of its spellings.
#[derive(Default)]
struct Parts {
    host: Option<String>,
    port: Option<String>,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
    ssl_mode: Option<String>,
    ssl_root_cert: Option<String>,
}

impl Parts {
    fn of(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text)
            .map_err(|_| "is no URL (in a user's name or a password, write any of :/?#[]@% as %3A, %2F and so on)")?;
        if url.fragment().is_some() {
            return Err("has a #; write it as %23");
        }
        let mut parts = Self::default();
        put(&mut parts.host, url.host_str())?;
        put(&mut parts.port, url.port().map(|port| port.to_string()).as_deref())?;
        put(&mut parts.user, Some(url.username()))?;
        put(&mut parts.password, url.password())?;
        put(&mut parts.database, Some(url.path().trim_start_matches('/')))?;
        for (name, value) in url.query_pairs() {
            let part = match &*name {
                "host" | "hostaddr" => &mut parts.host,
                "port" => &mut parts.port,
                "user" => &mut parts.user,
                "password" => &mut parts.password,
                "dbname" => &mut parts.database,
                "sslmode" | "ssl-mode" => &mut parts.ssl_mode,
                "sslrootcert" | "ssl-root-cert" | "ssl-ca" => &mut parts.ssl_root_cert,
                _ => {
                    return Err(
                        "has a parameter that is not taken; only sslmode, sslrootcert, host, port, user and dbname are",
                    );
                }
            };
            // The pairs are decoded already, and a percent sign is itself.
            put(part, Some(&value.replace('%', "%25")))?;
        }
        Ok(parts)
    }

    fn server(self) -> Result<PostgresServer, &'static str> {
        let host = host(self.host.as_deref().ok_or("names no host; give postgres://USER@HOST/DATABASE")?)?;
        let user = self.user.ok_or("names no user; give postgres://USER@HOST/DATABASE")?;
        let is_loopback = match &host {
            Host::Socket(_) => true,
            Host::Name(name) => {
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        };
        if self.password.is_some() && !is_loopback {
            return Err("holds a password; write it to a file, name that by --database-password-file, and change it");
        }
        let ssl_mode = ssl_mode(self.ssl_mode.as_deref(), &host, is_loopback)?;
        if self.ssl_root_cert.is_some() && !matches!(ssl_mode, PgSslMode::VerifyFull | PgSslMode::VerifyCa) {
            return Err("has an sslrootcert, which is used with sslmode=verify-full only");
        }
        let port = self.port.map_or(Ok(DEFAULT_PORT), |port| port.parse());
        Ok(PostgresServer {
            host,
            port: port.ok().filter(|port| *port != 0).ok_or("has a port that is no number of a port")?,
            // As PostgreSQL's own programs do.
            database: self.database.unwrap_or_else(|| user.clone()),
            user,
            ssl_mode,
            ssl_root_cert: self.ssl_root_cert.map(PathBuf::from),
            password: self
                .password
                .map(|password| Password::parse(password.as_bytes()))
                .transpose()
                .map_err(|_| "holds no password")?,
        })
    }
}

/// Takes a part that is there and not empty; one that stands twice is a contradiction, whichever the driver would take.
fn put(part: &mut Option<String>, value: Option<&str>) -> Result<(), &'static str> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(()) };
    if part.replace(decoded(value)?.into_owned()).is_some() {
        return Err("says the same thing twice (a parameter again, or one beside the part of the URL before it)");
    }
    Ok(())
}

/// A control character would end a value early, in the driver's messages to the server.
fn decoded(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| "is no UTF-8 text")?;
    if text.contains(char::is_control) { Err("has a control character") } else { Ok(text) }
}

fn host(text: &str) -> Result<Host, &'static str> {
    if text.starts_with('/') {
        return Ok(Host::Socket(text.into()));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let is_name = bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if is_name || bare.parse::<IpAddr>().is_ok() {
        Ok(Host::Name(bare.to_owned()))
    } else {
        Err("has a host that is neither one name, nor one address, nor the folder of a socket")
    }
}

/// Off loopback, only what proves the server, or what says openly that someone else does.
fn ssl_mode(text: Option<&str>, host: &Host, is_loopback: bool) -> Result<PgSslMode, &'static str> {
    let mode = match text {
        None if is_loopback => PgSslMode::Prefer,
        None => return Err("has no sslmode; write sslmode=verify-full, or disable where the mesh encrypts"),
        Some("disable") => PgSslMode::Disable,
        Some("verify-full") => PgSslMode::VerifyFull,
        Some("allow" | "prefer") if is_loopback => PgSslMode::Prefer,
        Some("require") if is_loopback => PgSslMode::Require,
        Some("verify-ca") if is_loopback => PgSslMode::VerifyCa,
        Some("allow" | "prefer" | "require" | "verify-ca") => {
            return Err("has an sslmode that proves no server; write verify-full, or disable where the mesh encrypts");
        }
        Some(_) => return Err("has an sslmode that is none; write verify-full or disable"),
    };
    match (host, mode) {
        // No server encrypts a socket.
        (Host::Socket(_), PgSslMode::Prefer | PgSslMode::Disable) => Ok(PgSslMode::Disable),
        (Host::Socket(_), _) => Err("asks for TLS on a Unix socket, where there is none; leave sslmode out"),
        (Host::Name(_), mode) => Ok(mode),
    }
}
