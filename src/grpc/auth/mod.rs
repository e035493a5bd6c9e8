//! Authentication of the person: the interceptors, the principal token with its claims, and the key set that verifies it.

pub mod claim_name;
mod claims;
pub mod interceptor;
pub mod jwks;
mod key_material;
pub mod keys;
pub mod rules;
pub mod token;
pub mod token_type;
mod verified;
