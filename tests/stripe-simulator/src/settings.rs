//! What may be chosen before a simulator starts.

use std::{fmt, io};

use crate::{key::Key, model::Mode, permission::Permission, state::random};

/// The choices of a simulator; the default is right for most tests.
#[derive(Clone, Default)]
pub struct Settings {
    pub(crate) portal_origin: Option<String>,
    account: Option<String>,
    pub(crate) tls: bool,
    keys: Vec<String>,
    restricted: Vec<(String, Vec<Permission>)>,
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

    /// Serves https instead of http, with a certificate for this machine's own names and addresses that a CA signs which
    /// is made for this simulator: see [`Simulator::ca_pem`](crate::Simulator::ca_pem).
    #[must_use]
    pub const fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Adds a restricted key, `rk_test_` or `rk_live_`, that may do what it is permitted and nothing else, beside the
    /// account's other keys.
    #[must_use]
    pub fn restricted_key(mut self, key: &str, permissions: &[Permission]) -> Self {
        self.restricted.push((key.to_owned(), permissions.to_owned()));
        self
    }

    /// Chooses the account's id, `acct_…`.
    #[must_use]
    pub fn account(mut self, id: &str) -> Self {
        self.account = Some(id.to_owned());
        self
    }

    pub(crate) fn account_id(&self) -> String {
        self.account.clone().unwrap_or_else(|| "acct_1Simulated".to_owned())
    }

    /// One key for each mode, random where none was chosen, and the restricted ones after them.
    pub(crate) fn account_keys(&self) -> io::Result<Vec<Key>> {
        let no_mode =
            || io::Error::new(io::ErrorKind::InvalidInput, "a Stripe key names no mode, or is not restricted");
        let random = |mode: Mode| Key::secret(&format!("sk_{}_{}", mode.as_str(), random()));
        let mut keys: Vec<Key> = [Mode::Test, Mode::Live].into_iter().filter_map(random).collect();
        for text in &self.keys {
            let key = Key::secret(text).ok_or_else(no_mode)?;
            keys.iter_mut().filter(|other| other.mode == key.mode).for_each(|other| other.clone_from(&key));
        }
        for (text, permissions) in &self.restricted {
            keys.push(Key::restricted(text, permissions).ok_or_else(no_mode)?);
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
