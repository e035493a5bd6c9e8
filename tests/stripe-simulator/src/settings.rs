//! What may be chosen before a simulator starts.

use std::{fmt, io};

use crate::{
    model::Mode,
    state::{State, random},
};

/// The choices of a simulator; the default is right for most tests.
#[derive(Clone, Default)]
pub struct Settings {
    pub(crate) portal_origin: Option<String>,
    keys: Vec<String>,
}

impl Settings {
    /// Puts the portal pages' URLs on an origin of their own, without a slash at the end, as `https://billing.stripe.com` is
    /// beside `https://api.stripe.com`. The pages are served on the simulator's listener all the same: lead that origin there.
    #[must_use]
    pub fn portal_origin(mut self, origin: &str) -> Self {
        self.portal_origin = Some(origin.to_owned());
        self
    }

    /// Makes a secret or restricted key the account's key of the mode that its prefix names: `sk_test_`, `sk_live_`,
    /// `rk_test_` or `rk_live_`. See <https://docs.stripe.com/keys>.
    #[must_use]
    pub fn secret_key(mut self, key: &str) -> Self {
        self.keys.push(key.to_owned());
        self
    }

    /// One key for each mode, random where none was chosen.
    pub(crate) fn secret_keys(&self) -> io::Result<[String; 2]> {
        let mut keys = [Mode::Test, Mode::Live].map(|mode| format!("sk_{}_{}", mode.as_str(), random()));
        let [test, live] = &mut keys;
        for key in &self.keys {
            match State::mode_of_prefix(key) {
                Some(Mode::Test) => test.clone_from(key),
                Some(Mode::Live) => live.clone_from(key),
                None => return Err(io::Error::new(io::ErrorKind::InvalidInput, "a Stripe key names no mode")),
            }
        }
        Ok(keys)
    }
}

impl fmt::Debug for Settings {
    /// Without the keys: one of them may be a real one by mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("portal_origin", &self.portal_origin).finish_non_exhaustive()
    }
}
