//! Builds what the settings name: files, pools, clients. Used by the server and by the commands.

pub(crate) mod directory;
pub(crate) mod open;
