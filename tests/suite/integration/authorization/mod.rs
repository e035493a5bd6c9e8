//! Tests that only allowed callers and current owners open a portal, and only their own tenant's.

mod caller;
mod field_rules;
mod keyset;
mod mtls;
mod providers;
mod published_keys;
mod refusals;
mod second_reading;
mod token;
mod token_settings;
mod unknown_methods;
