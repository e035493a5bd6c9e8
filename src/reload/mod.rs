//! Values that are read again while the process runs, from a file or from an https URL.

pub(crate) mod exchange_limit;
pub mod file;
mod status;
pub mod url;
