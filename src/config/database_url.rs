//! Parses `DATABASE_URL`: the database, and the requirements for connections to it.
//!
//! The URL is parsed here and not by the driver. The driver would log the value of an unknown parameter, and would take missing
//! parts from its own variables and files. No message quotes any part of the URL, because a password may be in the wrong place.

use std::{borrow::Cow, net::IpAddr, path::PathBuf};

use percent_encoding::percent_decode_str;
use url::Url;

use crate::adapters::directory::{Database, Host, Password, PgSslMode, PostgresServer};

const DEFAULT_PORT: u16 = 5432;

/// Why a database URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DatabaseUrlError {
    #[error("unknown kind of database; expected sqlite:PATH or postgres://USER@HOST/DATABASE?sslmode=verify-full")]
    UnknownKind,
    #[error(
        "unknown SQLite parameter; the only supported one is mode=ro, rw or rwc (the file is always opened read-only)"
    )]
    SqliteParameter,
    #[error("missing file name; expected sqlite:PATH")]
    NoFile,
    #[error(
        "not a valid URL; expected postgres://USER@HOST/DATABASE (in a user name or password, percent-encode each of :/?#[]@%, \
         for example / as %2F)"
    )]
    NotAUrl,
    #[error("contains a #; write it as %23")]
    Fragment,
    #[error("unknown parameter; supported parameters are sslmode, sslrootcert, host, port, user and dbname")]
    UnknownParameter,
    #[error("missing host; expected postgres://USER@HOST/DATABASE")]
    NoHost,
    #[error("missing user; expected postgres://USER@HOST/DATABASE")]
    NoUser,
    #[error(
        "contains a password; change the password, write it to a file, and set --database-password-file to that file"
    )]
    RemotePassword,
    #[error("contains a password although --database-password-file is set; keep only the file")]
    TwoPasswords,
    #[error("password is not valid; expected one line of UTF-8 text")]
    BadPassword,
    #[error("sslrootcert has no effect without sslmode=verify-full; remove one of the two")]
    UnusedRootCert,
    #[error("port is not valid; expected a number from 1 to 65535")]
    BadPort,
    #[error(
        "duplicate value (a repeated parameter, or a parameter for a part that the URL already contains); keep one of them"
    )]
    Duplicate,
    #[error("not UTF-8 after percent-decoding; percent-encode the bytes of UTF-8 text")]
    NotUtf8,
    #[error("contains a control character; remove it")]
    ControlCharacter,
    #[error("host is not valid; expected a single name, a single address, or the directory of a Unix socket")]
    BadHost,
    #[error("missing sslmode; expected sslmode=verify-full, or disable where the mesh encrypts")]
    NoSslMode,
    #[error("sslmode does not verify the server; expected verify-full, or disable where the mesh encrypts")]
    UnverifiedSslMode,
    #[error("unknown sslmode; expected verify-full or disable")]
    UnknownSslMode,
    #[error("requires TLS on a Unix socket, which does not support it; remove sslmode")]
    TlsOnSocket,
}

use DatabaseUrlError as Error;

/// Parses the URL of either database.
pub(super) fn parse(text: &str) -> Result<Database, Error> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        return sqlite(path).map(Database::Sqlite);
    }
    if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
        return Err(Error::UnknownKind);
    }
    UrlParts::parse(text)?.server().map(Database::Postgres)
}

/// Returns the file's path. The file is always opened read-only, whatever `mode` says.
fn sqlite(text: &str) -> Result<PathBuf, Error> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name != "mode" || !["ro", "rw", "rwc"].contains(&&*value) {
            return Err(Error::SqliteParameter);
        }
    }
    let path = decode(path.strip_prefix("//").unwrap_or(path))?;
    if path.is_empty() || path == ":memory:" {
        return Err(Error::NoFile);
    }
    Ok(path.into_owned().into())
}

/// The parts of a PostgreSQL URL. Each may be given only once, in any of its spellings.
#[derive(Default)]
struct UrlParts {
    host: Option<String>,
    port: Option<String>,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
    ssl_mode: Option<String>,
    ssl_root_cert: Option<String>,
}

impl UrlParts {
    fn parse(text: &str) -> Result<Self, Error> {
        let url = Url::parse(text).map_err(|_| Error::NotAUrl)?;
        if url.fragment().is_some() {
            return Err(Error::Fragment);
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
                _ => return Err(Error::UnknownParameter),
            };
            // The pairs are decoded already, so a percent sign is literal.
            put(part, Some(&value.replace('%', "%25")))?;
        }
        Ok(parts)
    }

    fn server(self) -> Result<PostgresServer, Error> {
        let host = host(self.host.as_deref().ok_or(Error::NoHost)?)?;
        let user = self.user.ok_or(Error::NoUser)?;
        let is_loopback = match &host {
            Host::Socket(_) => true,
            Host::Name(name) => {
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        };
        if self.password.is_some() && !is_loopback {
            return Err(Error::RemotePassword);
        }
        let ssl_mode = ssl_mode(self.ssl_mode.as_deref(), &host, is_loopback)?;
        if self.ssl_root_cert.is_some() && !matches!(ssl_mode, PgSslMode::VerifyFull | PgSslMode::VerifyCa) {
            return Err(Error::UnusedRootCert);
        }
        let port = self.port.map_or(Ok(DEFAULT_PORT), |port| port.parse());
        let password = self.password.map(|password| Password::parse(password.as_bytes())).transpose();
        Ok(PostgresServer {
            host,
            port: port.ok().filter(|port| *port != 0).ok_or(Error::BadPort)?,
            // PostgreSQL's client programs have the same default.
            database: self.database.unwrap_or_else(|| user.clone()),
            user,
            ssl_mode,
            ssl_root_cert: self.ssl_root_cert.map(PathBuf::from),
            password: password.map_err(|_| Error::BadPassword)?,
        })
    }
}

/// Stores a part that is present and not empty. A second value is refused, even if it is the same.
fn put(part: &mut Option<String>, value: Option<&str>) -> Result<(), Error> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(()) };
    match part.replace(decode(value)?.into_owned()) {
        None => Ok(()),
        Some(_) => Err(Error::Duplicate),
    }
}

/// Decodes percent-encoding. Refuses control characters: a NUL would end a value early in the driver's messages to the server.
fn decode(text: &str) -> Result<Cow<'_, str>, Error> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| Error::NotUtf8)?;
    if text.contains(char::is_control) { Err(Error::ControlCharacter) } else { Ok(text) }
}

fn host(text: &str) -> Result<Host, Error> {
    if text.starts_with('/') {
        return Ok(Host::Socket(text.into()));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let is_name = bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if is_name || bare.parse::<IpAddr>().is_ok() { Ok(Host::Name(bare.to_owned())) } else { Err(Error::BadHost) }
}

/// Returns the TLS mode. If the server is not on loopback, only two modes are allowed: `verify-full`, and `disable`, which states
/// that something else encrypts the connection.
fn ssl_mode(text: Option<&str>, host: &Host, is_loopback: bool) -> Result<PgSslMode, Error> {
    let mode = match text {
        None if is_loopback => PgSslMode::Prefer,
        None => return Err(Error::NoSslMode),
        Some("disable") => PgSslMode::Disable,
        Some("verify-full") => PgSslMode::VerifyFull,
        Some("allow" | "prefer") if is_loopback => PgSslMode::Prefer,
        Some("require") if is_loopback => PgSslMode::Require,
        Some("verify-ca") if is_loopback => PgSslMode::VerifyCa,
        Some("allow" | "prefer" | "require" | "verify-ca") => return Err(Error::UnverifiedSslMode),
        Some(_) => return Err(Error::UnknownSslMode),
    };
    match (host, mode) {
        // PostgreSQL does not encrypt Unix sockets.
        (Host::Socket(_), PgSslMode::Prefer | PgSslMode::Disable) => Ok(PgSslMode::Disable),
        (Host::Socket(_), _) => Err(Error::TlsOnSocket),
        (Host::Name(_), mode) => Ok(mode),
    }
}
