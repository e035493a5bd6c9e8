//! Values that are read again while the process runs, from a file or from an https URL, and the TLS roots that https
//! connections trust.

pub(crate) mod exchange_limit;
pub mod file;
mod status;
pub mod tls;
pub mod url;
