//! Why a database URL is refused. No message quotes a value.

/// Why a database URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::config) enum DatabaseUrlError {
    #[error("unknown kind of database; expected sqlite:PATH or postgres://USER@HOST/DATABASE?sslmode=verify-full")]
    UnknownKind,
    #[error("expected the URL form instead of keywords: postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full")]
    KeywordForm,
    #[error("a JDBC URL; remove jdbc: (expected postgres://USER@HOST/DATABASE?sslmode=verify-full)")]
    Jdbc,
    #[error("the scheme names a driver; write postgres:// without it")]
    DriverInScheme,
    #[error(
        "unknown SQLite parameter; the only supported one is mode=ro, rw or rwc (the file is always opened read-only)"
    )]
    SqliteParameter,
    #[error("missing file name; expected sqlite:PATH")]
    NoFile,
    #[error(
        "path begins with file:, which is not needed; expected sqlite:PATH (for a file with this name, sqlite:./file:PATH)"
    )]
    SqliteUri,
    #[error(
        "not a valid URL; expected postgres://USER@HOST/DATABASE (in a user name or password, percent-encode each of :/?#[]@%, \
         for example / as %2F)"
    )]
    NotAUrl,
    #[error("contains a % without two hexadecimal digits; write % as %25")]
    Escape,
    #[error("contains a #; write it as %23")]
    Fragment,
    #[error(
        "unknown parameter; supported parameters are sslmode, sslrootcert, channel_binding, host, port, user, dbname, \
         target_session_attrs, connect_timeout and application_name"
    )]
    UnknownParameter,
    #[error("unknown parameter {name}; {fix}")]
    OtherParameter { name: &'static str, fix: &'static str },
    #[error("missing host; expected postgres://USER@HOST/DATABASE")]
    NoHost,
    #[error("missing user; expected postgres://USER@HOST/DATABASE")]
    NoUser,
    #[error(
        "contains a password; remove it from the URL, change the password, write it to a file, and set \
         --database-password-file to that file"
    )]
    RemotePassword,
    #[error("contains a password although --database-password-file is set; keep only the file")]
    TwoPasswords,
    #[error("password is not valid; expected one line of UTF-8 text")]
    BadPassword,
    #[error("sslrootcert has no effect without sslmode=verify-full; remove one of the two")]
    UnusedRootCert,
    #[error("port of host {0} is not valid; expected a number from 1 to 65535")]
    BadPort(usize),
    #[error("number of ports differs from the number of hosts; expected one port for each host, or one for all")]
    PortCount,
    #[error(
        "duplicate {0} (a repeated parameter, or a parameter for a part that the URL already contains); keep one of them"
    )]
    Duplicate(&'static str),
    #[error("contains a host and its port twice; keep one of them")]
    DuplicateHost,
    #[error("contains more than {0} hosts; keep those that can become the primary")]
    TooManyHosts(usize),
    #[error("not UTF-8 after percent-decoding; percent-encode the bytes of UTF-8 text")]
    NotUtf8,
    #[error("contains a control character; remove it")]
    ControlCharacter,
    #[error("host {0} is empty; remove the comma beside it, or write the host")]
    EmptyHost(usize),
    #[error("host {0} is not valid; expected a name, an address or the directory of a Unix socket (percent-encoded)")]
    BadHost(usize),
    #[error(
        "missing sslmode; expected sslmode=verify-full (with sslrootcert=FILE if the provider has its own CA), or \
         disable where the mesh encrypts"
    )]
    NoSslMode,
    #[error(
        "sslmode does not verify the server; expected sslmode=verify-full (with sslrootcert=FILE if the provider has \
         its own CA), or disable where the mesh encrypts"
    )]
    UnverifiedSslMode,
    #[error("unknown sslmode; expected verify-full or disable")]
    UnknownSslMode,
    #[error("requires TLS on a Unix socket, which does not support it; remove sslmode")]
    TlsOnSocket,
    #[error(
        "channel_binding=require is not supported by the database driver; write channel_binding=prefer \
         (sslmode=verify-full already verifies the server)"
    )]
    RequiredChannelBinding,
    #[error("unknown channel_binding; expected prefer or disable")]
    UnknownChannelBinding,
    #[error("target_session_attrs is not valid; expected primary or read-write, because only the primary is read")]
    NotThePrimary,
    #[error("connect_timeout is not valid; expected a whole number of seconds")]
    BadConnectTimeout,
}
