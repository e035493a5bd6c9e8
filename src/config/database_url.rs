//! Parses `DATABASE_URL`: the database, and the requirements for connections to it.
//!
//! The URL is parsed here and not by the driver. The driver would log the value of an unknown parameter, and would take missing
//! parts from its own variables and files. No message quotes any part of the URL, because a password may be in the wrong place.

mod error;
mod hosts;

use std::{borrow::Cow, path::PathBuf, time::Duration};

use percent_encoding::percent_decode_str;

pub(super) use error::DatabaseUrlError;
use error::DatabaseUrlError as Error;

use super::value;
use crate::adapters::directory::{Address, Database, Host, Password, PgSslMode, PostgresServers};

/// What the service is called at the server.
const APPLICATION_NAME: &str = "billing-portal";

/// Parameters of other clients, as providers and frameworks add them to a URL, and what to do instead.
const OTHER_PARAMETERS: [(&str, &str); 20] = [
    ("pgbouncer", "remove it, because a pooler needs no parameter"),
    ("connection_limit", "remove it, and set --database-max-connections"),
    ("pool_timeout", "remove it, because --deadline limits a call"),
    ("pool_size", "remove it, and set --database-max-connections"),
    ("schema", "remove it, and set --database-schema"),
    ("currentSchema", "remove it, and set --database-schema"),
    ("options", "remove it, because the service sets what its queries need"),
    ("ssl", "replace it by sslmode=verify-full"),
    ("uselibpqcompat", "remove it"),
    ("sslcert", "remove it, because the service uses a password instead of a client certificate"),
    ("sslkey", "remove it, because the service uses a password instead of a client certificate"),
    ("passfile", "remove it, and set --database-password-file"),
    ("load_balance_hosts", "remove it, because the hosts are tried in order"),
    ("loadBalanceHosts", "remove it, because the hosts are tried in order"),
    ("targetServerType", "replace it by target_session_attrs=primary"),
    ("prepare_threshold", "remove it, because no prepared statements are used"),
    ("prepareThreshold", "remove it, because no prepared statements are used"),
    ("prepared_statements", "remove it, because no prepared statements are used"),
    ("gssencmode", "remove it, because TLS encrypts the connection"),
    ("sslnegotiation", "remove it"),
];

/// Parses the URL of either database.
pub(super) fn parse(text: &str) -> Result<Database, Error> {
    // The parser of URLs silently removes tabs and line breaks, also from the middle of a password.
    if text.contains(char::is_control) {
        return Err(Error::ControlCharacter);
    }
    if let Some(path) = text.strip_prefix("sqlite:") {
        return sqlite(path).map(Database::Sqlite);
    }
    if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
        return Err(other_form(text));
    }
    UrlParts::parse(text)?.servers().map(Database::Postgres)
}

/// Returns the error for a text that is not the URL of either database.
fn other_form(text: &str) -> Error {
    let is_keyword = |name: &str| name.trim().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if text.split_once('=').is_some_and(|(name, _)| is_keyword(name)) {
        Error::KeywordForm
    } else if text.starts_with("jdbc:postgres") {
        Error::Jdbc
    } else if ["postgres+", "postgresql+"].iter().any(|scheme| text.starts_with(scheme)) {
        Error::DriverInScheme
    } else {
        Error::UnknownKind
    }
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
    // SQLite would read parameters from it, such as one that turns off locks.
    if path.starts_with("file:") {
        return Err(Error::SqliteUri);
    }
    Ok(path.into_owned().into())
}

/// The parts of a PostgreSQL URL. Each may be given only once, in any of its spellings.
#[derive(Default)]
struct UrlParts {
    hosts: Option<String>,
    ports: Option<String>,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
    ssl_mode: Option<String>,
    ssl_root_cert: Option<String>,
    channel_binding: Option<String>,
    target_session_attrs: Option<String>,
    connect_timeout: Option<String>,
    application_name: Option<String>,
}

impl UrlParts {
    fn parse(text: &str) -> Result<Self, Error> {
        if !value::has_valid_escapes(text) {
            return Err(Error::Escape);
        }
        let (url, hosts, ports) = hosts::split(text)?;
        if url.fragment().is_some() {
            return Err(Error::Fragment);
        }
        let mut parts = Self::default();
        put(&mut parts.hosts, "host", Some(&hosts))?;
        put(&mut parts.ports, "port", Some(&ports))?;
        put(&mut parts.user, "user", Some(url.username()))?;
        put(&mut parts.password, "password", url.password())?;
        put(&mut parts.database, "dbname", Some(url.path().trim_start_matches('/')))?;
        for (name, value) in url.query_pairs() {
            let (part, name) = match &*name {
                "host" | "hostaddr" => (&mut parts.hosts, "host"),
                "port" => (&mut parts.ports, "port"),
                "user" => (&mut parts.user, "user"),
                "password" => (&mut parts.password, "password"),
                "dbname" => (&mut parts.database, "dbname"),
                "sslmode" | "ssl-mode" => (&mut parts.ssl_mode, "sslmode"),
                "sslrootcert" | "ssl-root-cert" | "ssl-ca" => (&mut parts.ssl_root_cert, "sslrootcert"),
                "channel_binding" => (&mut parts.channel_binding, "channel_binding"),
                "target_session_attrs" => (&mut parts.target_session_attrs, "target_session_attrs"),
                "connect_timeout" => (&mut parts.connect_timeout, "connect_timeout"),
                "application_name" => (&mut parts.application_name, "application_name"),
                other => {
                    let known = OTHER_PARAMETERS.into_iter().find(|(name, _)| *name == other);
                    return Err(
                        known.map_or(Error::UnknownParameter, |(name, fix)| Error::OtherParameter { name, fix })
                    );
                }
            };
            // The pairs are decoded already, so a percent sign is literal.
            put(part, name, Some(&value.replace('%', "%25")))?;
        }
        Ok(parts)
    }

    fn servers(self) -> Result<PostgresServers, Error> {
        let hosts = self.hosts.ok_or(Error::NoHost)?;
        let addresses = hosts::addresses(&hosts, &self.ports.unwrap_or_default())?;
        let user = self.user.ok_or(Error::NoUser)?;
        let is_loopback = addresses.iter().all(Address::is_loopback);
        if self.password.is_some() && !is_loopback {
            return Err(Error::RemotePassword);
        }
        let ssl_mode = ssl_mode(self.ssl_mode.as_deref(), &addresses, is_loopback)?;
        if self.ssl_root_cert.is_some() && !matches!(ssl_mode, PgSslMode::VerifyFull | PgSslMode::VerifyCa) {
            return Err(Error::UnusedRootCert);
        }
        match self.channel_binding.as_deref() {
            None | Some("prefer" | "disable") => {}
            Some("require") => return Err(Error::RequiredChannelBinding),
            Some(_) => return Err(Error::UnknownChannelBinding),
        }
        if !matches!(self.target_session_attrs.as_deref(), None | Some("primary" | "read-write")) {
            return Err(Error::NotThePrimary);
        }
        let connect_timeout = self.connect_timeout.map_or(Ok(0), |seconds| seconds.parse::<i64>());
        let password = self.password.map(|password| Password::parse(password.as_bytes())).transpose();
        Ok(PostgresServers {
            addresses,
            // PostgreSQL's client programs have the same default.
            database: self.database.unwrap_or_else(|| user.clone()),
            user,
            ssl_mode,
            // With this value, libpq uses the system's certificates, which are always used here.
            ssl_root_cert: self.ssl_root_cert.filter(|path| path != "system").map(PathBuf::from),
            password: password.map_err(|_| Error::BadPassword)?,
            // In libpq, zero and negative values mean that there is no limit of this kind.
            connect_timeout: match u64::try_from(connect_timeout.map_err(|_| Error::BadConnectTimeout)?) {
                Ok(0) | Err(_) => None,
                Ok(seconds) => Some(Duration::from_secs(seconds)),
            },
            application_name: self.application_name.unwrap_or_else(|| APPLICATION_NAME.to_owned()),
        })
    }
}

/// Stores a part that is present and not empty. A second value is refused, even if it is the same.
fn put(part: &mut Option<String>, name: &'static str, value: Option<&str>) -> Result<(), Error> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(()) };
    match part.replace(decode(value)?.into_owned()) {
        None => Ok(()),
        Some(_) => Err(Error::Duplicate(name)),
    }
}

/// Decodes percent-encoding. Refuses control characters: a NUL would end a value early in the driver's messages to the server.
fn decode(text: &str) -> Result<Cow<'_, str>, Error> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| Error::NotUtf8)?;
    if text.contains(char::is_control) { Err(Error::ControlCharacter) } else { Ok(text) }
}

/// Returns the TLS mode. If a server is not on loopback, only two modes are allowed: `verify-full`, and `disable`, which states
/// that something else encrypts the connection.
fn ssl_mode(text: Option<&str>, addresses: &[Address], is_loopback: bool) -> Result<PgSslMode, Error> {
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
    let only_sockets = addresses.iter().all(|address| matches!(address.host, Host::Socket(_)));
    if only_sockets && !matches!(mode, PgSslMode::Prefer | PgSslMode::Disable) {
        Err(Error::TlsOnSocket)
    } else {
        Ok(mode)
    }
}
