//! The PostgreSQL server from the settings, and its password.

use std::{fmt, path::PathBuf};

use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// The directory of a Unix socket.
    Socket(PathBuf),
    /// A host name or an IP address.
    Name(String),
}

/// A server and a database on it.
#[derive(Clone, Debug)]
pub struct PostgresServer {
    /// The address.
    pub host: Host,
    /// The port; it is also part of the name of a Unix socket.
    pub port: u16,
    /// The role.
    pub user: String,
    /// The name of the database.
    pub database: String,
    /// How the connection is encrypted and the server verified.
    pub ssl_mode: PgSslMode,
    /// Certificates that are trusted in addition to the system's.
    pub ssl_root_cert: Option<PathBuf>,
    /// The password from the URL; allowed on loopback only.
    pub password: Option<Password>,
}

impl PostgresServer {
    /// Returns the driver's options. Every option that the driver would otherwise take from a `PG*` variable is set,
    /// and its password file is not read. Variables that cannot be overridden (`PGOPTIONS`, `PGSSLCERT`, `PGSSLKEY`)
    /// are rejected when the configuration is read.
    pub(super) fn options(&self, password: Option<&Password>) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass()
            .port(self.port)
            .username(&self.user)
            .database(&self.database)
            .password(password.map_or("", |password| &password.0))
            .ssl_mode(self.ssl_mode)
            // PgBouncer refuses this parameter, and no value that is read is a floating-point number.
            .extra_float_digits(None)
            .application_name("billing-portal");
        // A slow directory would otherwise add the text of the query to the log for each call.
        let options = options.disable_statement_logging();
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
