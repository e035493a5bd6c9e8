//! The tokens that were verified recently: a page asks with the same token more than once, and verifying its signature is the most
//! expensive part of a call.
//!
//! What is remembered is that these bytes, with this key set, prove this person. It depends on nothing else but the time, which is
//! compared again at each use. Nothing that the directory or the flag says is remembered.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hashlink::LruCache;

use crate::{
    grpc::auth::{claims::Validity, jwks::KeySet},
    portal::Principal,
};

/// The maximum number of tokens. The one that was not used for the longest time is forgotten first.
const MAX_TOKENS: usize = 1_024;

/// The tokens that the current key set has verified.
pub(super) struct VerifiedTokens(Mutex<Tokens>);

struct Tokens {
    /// The set that verified them. With another set, all of them are forgotten.
    keys: Option<Arc<KeySet>>,
    /// By every byte of the token.
    people: LruCache<Box<str>, (Principal, Validity)>,
}

impl VerifiedTokens {
    /// Returns the person whom a token proves, and when, if this set has verified it.
    pub(super) fn get(&self, token: &str, keys: &Arc<KeySet>) -> Option<(Principal, Validity)> {
        self.of(keys).people.get(token).cloned()
    }

    /// Remembers a token that this set has verified.
    pub(super) fn insert(&self, token: &str, keys: &Arc<KeySet>, person: (Principal, Validity)) {
        self.of(keys).people.insert(token.into(), person);
    }

    /// Forgets a token, because it has expired.
    pub(super) fn remove(&self, token: &str) {
        self.lock().people.remove(token);
    }

    fn of(&self, keys: &Arc<KeySet>) -> MutexGuard<'_, Tokens> {
        let mut tokens = self.lock();
        if !tokens.keys.as_ref().is_some_and(|verified_by| Arc::ptr_eq(verified_by, keys)) {
            tokens.people.clear();
            tokens.keys = Some(Arc::clone(keys));
        }
        tokens
    }

    fn lock(&self) -> MutexGuard<'_, Tokens> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self(Mutex::new(Tokens { keys: None, people: LruCache::new(MAX_TOKENS) }))
    }
}

/// Without the tokens, which are secrets.
impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedTokens({})", self.lock().people.len())
    }
}
