//! The settings of a simulator.

use std::{fmt, io};

use crate::{key::Key, model::Mode, permission::Permission, state::random};

/// The settings of a simulator. The default suits most tests.
#[derive(Clone, Default)]
pub struct Settings {
    pub(crate) portal_origin: Option<String>,
    account: Option<String>,
    pub(crate) tls: bool,
    keys: Vec<String>,
    restricted: Vec<(String, Vec<Permission>)>,
}

impl Settings {
    /// Sets a separate origin for the URLs of portal pages, without a trailing slash, as Stripe uses
    /// `https://billing.stripe.com` in addition to `https://api.stripe.com`. The simulator's listener still serves the pages:
    /// route that origin to it.
    #[must_use]
    pub fn portal_origin(mut self, origin: &str) -> Self {
        self.portal_origin = Some(origin.to_owned());
        self
    }

    /// Sets the account's key for the mode in the prefix of the key, which is `sk_test_`, `sk_live_`,
    /// `rk_test_` or `rk_live_`. See <https://docs.stripe.com/keys>.
    #[must_use]
    pub fn secret_key(mut self, key: &str) -> Self {
        self.keys.push(key.to_owned());
        self
    }

    /// Serves https instead of http. The certificate is valid for `localhost` and the loopback addresses. It is signed by a
    /// CA that is generated for this simulator: see [`Simulator::ca_pem`](crate::Simulator::ca_pem).
    #[must_use]
    pub const fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Adds a restricted key, `rk_test_` or `rk_live_`, with only the given permissions. The other keys of the account remain
    /// valid.
    #[must_use]
    pub fn restricted_key(mut self, key: &str, permissions: &[Permission]) -> Self {
        self.restricted.push((key.to_owned(), permissions.to_owned()));
        self
    }

    /// Sets the account ID, `acct_…`.
    #[must_use]
    pub fn account(mut self, id: &str) -> Self {
        self.account = Some(id.to_owned());
        self
    }

    pub(crate) fn account_id(&self) -> String {
        self.account.clone().unwrap_or_else(|| "acct_1Simulated".to_owned())
    }

    /// Returns one key for each mode, random unless it was set, followed by the restricted keys.
    pub(crate) fn account_keys(&self) -> io::Result<Vec<Key>> {
        let invalid = |expected| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("invalid Stripe key: expected the prefix {expected}"))
        };
        let random = |mode: Mode| Key::secret(&format!("sk_{}_{}", mode.as_str(), random()));
        let mut keys: Vec<Key> = [Mode::Test, Mode::Live].into_iter().filter_map(random).collect();
        for text in &self.keys {
            let key = Key::secret(text).ok_or_else(|| invalid("sk_test_, sk_live_, rk_test_ or rk_live_"))?;
            keys.iter_mut().filter(|other| other.mode == key.mode).for_each(|other| other.clone_from(&key));
        }
        for (text, permissions) in &self.restricted {
            keys.push(Key::restricted(text, permissions).ok_or_else(|| invalid("rk_test_ or rk_live_"))?);
        }
        Ok(keys)
    }
}

impl fmt::Debug for Settings {
    /// Omits the keys, because one of them could be a real key by mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("portal_origin", &self.portal_origin).finish_non_exhaustive()
    }
}
