//! Values that are read again while the process runs: from a file, or from an https URL with the TLS roots it trusts.

pub mod file;
pub mod tls;
pub mod url;
