//! Who the person is: the interceptors, the principal token, and the keys that verify it.

pub mod interceptor;
pub mod jwks;
pub mod token;
mod unique_json;
