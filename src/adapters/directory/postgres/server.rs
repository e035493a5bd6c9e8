//! The PostgreSQL servers from the settings, and their password.

use std::{fmt, net::IpAddr, path::PathBuf, time::Duration};

use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// The directory of a Unix socket.
    Socket(PathBuf),
    /// A host name or an IP address.
    Name(String),
}

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where the server is.
    pub host: Host,
    /// The port; it is also part of the name of a Unix socket.
    pub port: u16,
}

/// A database, and the servers of which one is its primary.
#[derive(Clone, Debug)]
pub struct PostgresServers {
    /// The addresses of the servers, at least one, in the order in which they are tried.
    pub addresses: Vec<Address>,
    /// The role.
    pub user: String,
    /// The name of the database.
    pub database: String,
    /// How a connection is encrypted and its server verified. Unix sockets are not encrypted.
    pub ssl_mode: PgSslMode,
    /// Certificates that are trusted in addition to the system's.
    pub ssl_root_cert: Option<PathBuf>,
    /// The password from the URL; allowed on loopback only.
    pub password: Option<Password>,
    /// How long the service waits for one server, if that is shorter than the server's share of the time.
    pub connect_timeout: Option<Duration>,
    /// The name of the service at the server.
    pub application_name: String,
}

impl Address {
    /// Returns whether the server is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Socket(_) => true,
            Host::Name(name) => {
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Socket(folder) => write!(f, "{}:{}", folder.display(), self.port),
            Host::Name(name) if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

impl PostgresServers {
    /// Returns the driver's options for one server. Every option that the driver would otherwise take from a `PG*` variable is
    /// set, and its password file is not read. Variables that cannot be overridden (`PGOPTIONS`, `PGSSLCERT`, `PGSSLKEY`)
    /// are rejected when the configuration is read.
    pub(super) fn options(&self, address: &Address, password: Option<&Password>) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass()
            .port(address.port)
            .username(&self.user)
            .database(&self.database)
            .password(password.map_or("", |password| &password.0))
            .ssl_mode(self.ssl_mode)
            // PgBouncer refuses this parameter, and no value that is read is a floating-point number.
            .extra_float_digits(None)
            .application_name(&self.application_name);
        // A slow directory would otherwise add the text of the query to the log for each call.
        let options = options.disable_statement_logging();
        let options = match &self.ssl_root_cert {
            Some(path) => options.ssl_root_cert(path),
            None => options.ssl_root_cert_from_pem(Vec::new()),
        };
        match &address.host {
            Host::Socket(folder) => options.host("localhost").socket(folder).ssl_mode(PgSslMode::Disable),
            Host::Name(name) => options.host(name),
        }
    }
}

/// The password of the role. `Debug` and errors never print it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// Why a password is not accepted. The texts never contain the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Not UTF-8.
    #[error("password is not UTF-8 text")]
    NotText,
    /// Nothing before the final line break.
    #[error("password is empty")]
    Empty,
    /// A line break inside, or a NUL byte, which PostgreSQL does not allow.
    #[error("password contains more than one line or a NUL byte")]
    NotOneLine,
}

impl Password {
    /// Parses the content of a file: one line, with or without a final line break.
    ///
    /// # Errors
    /// [`PasswordError`], without the password.
    pub fn parse(bytes: &[u8]) -> Result<Self, PasswordError> {
        let text = std::str::from_utf8(bytes).map_err(|_| PasswordError::NotText)?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(PasswordError::Empty);
        }
        if text.contains(['\0', '\n', '\r']) {
            return Err(PasswordError::NotOneLine);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_one_line_and_never_prints_the_password() {
        for file in ["s3cret", "s3cret\n", "s3cret\r\n"] {
            let password = Password::parse(file.as_bytes()).unwrap();
            assert_eq!(password.0, "s3cret");
            assert_eq!(format!("{password:?}"), "Password(..)");
        }
        // White space may be part of a password.
        assert_eq!(Password::parse(b" a b \n").unwrap().0, " a b ");
        for bad in [&b""[..], b"\n", b"\r\n", b"a\nb", b"s3cret\n\n", b"a\0b", b"\xff"] {
            let error = Password::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
