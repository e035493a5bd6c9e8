//! Generated hostile input, read by the service and by a second, independent implementation. What the service accepts, the other
//! one must read in the same way.
//!
//! The texts and mutations depend on a fixed seed, which is printed. Keys, and the signatures of ES256 and PS256, are random: a
//! failure prints the token and the key set.

mod hostile_url;
mod second_reader;
mod token_forgery;
mod token_signer;
mod tokens;
mod urls;

pub(crate) use tokens::tokens_agree_with_jose;
pub(crate) use urls::urls_agree_with_node;
