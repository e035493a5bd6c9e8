//! A PostgreSQL server, as the settings name it, and the password for it.

use std::{fmt, path::PathBuf};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// The folder of a Unix socket.
    Socket(PathBuf),
    /// A name or an address.
    Name(String),
}

/// A server and a database on it.
#[derive(Clone, Debug)]
pub struct PostgresServer {
    /// Where it listens.
    pub host: Host,
    /// Names the socket, too.
    pub port: u16,
    /// The role.
    pub user: String,
    /// The database's name.
    pub database: String,
    /// How the connection is encrypted, and the server proved.
    pub ssl_mode: PgSslMode,
    /// Certificates that are trusted beside the system's.
    pub ssl_root_cert: Option<PathBuf>,
    /// From the URL; for loopback only.
    pub password: Option<Password>,
}

impl PostgresServer {
    /// Every option that the driver would take from a `PG*` variable is set. Its password file is not read. What can't be
    /// set back to nothing (`PGOPTIONS`, `PGSSLCERT`, `PGSSLKEY`) stops the start.
    pub(super) fn options(&self, password: Option<&Password>) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass()
            .port(self.port)
            .username(&self.user)
            .database(&self.database)
            .password(password.map_or("", |password| &password.0))
            .ssl_mode(self.ssl_mode)
            .application_name("billing-portal");
        let options = match &self.ssl_root_cert {
            Some(path) => options.ssl_root_cert(path),
            None => options.ssl_root_cert_from_pem(Vec::new()),
        };
        match &self.host {
            Host::Socket(folder) => options.host("localhost").socket(folder),
            Host::Name(name) => options.host(name),
        }
    }
}

/// The role's password. Debug and errors never show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Takes a file's content: one line, with the line break after it that editors leave, or without.
    ///
    /// # Errors
    /// What is wrong, without the password.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        if text.contains(['\0', '\n', '\r']) {
            return Err("it holds more than one line".to_owned());
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
    fn a_password_is_one_line_and_is_never_shown() {
        for file in ["s3cret", "s3cret\n", "s3cret\r\n"] {
            let password = Password::parse(file.as_bytes()).unwrap();
            assert_eq!(password.0, "s3cret");
            assert_eq!(format!("{password:?}"), "Password(..)");
        }
        // White space may be part of it.
        assert_eq!(Password::parse(b" a b \n").unwrap().0, " a b ");
        for bad in [&b""[..], b"\n", b"\r\n", b"a\nb", b"s3cret\n\n", b"a\0b", b"\xff"] {
            let error = Password::parse(bad).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
