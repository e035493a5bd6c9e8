//! Tests that only allowed callers and current owners open a portal, and only their own tenant's.

mod caller;
mod keyset;
mod mtls;
mod providers;
mod published_keys;
mod refusals;
mod token_settings;
