//! Values that are read again while the process runs: from a file, or from an https URL. Also the TLS roots that https trusts.

pub mod file;
pub mod tls;
pub mod url;
