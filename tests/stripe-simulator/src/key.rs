//! API keys of the account: <https://docs.stripe.com/keys>.

use crate::{Simulator, error::Error, model::Mode, permission::Permission};

/// A secret or restricted key.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) mode: Mode,
    /// `None` means all permissions.
    permissions: Option<Vec<Permission>>,
}

impl Key {
    /// Returns an unrestricted key of the mode in its prefix, or `None` if the prefix is not valid.
    pub(crate) fn secret(text: &str) -> Option<Self> {
        Some(Self { text: text.to_owned(), mode: mode_of(text)?, permissions: None })
    }

    /// Returns a key limited to the given permissions, or `None` if it does not start with `rk_` and a mode.
    pub(crate) fn restricted(text: &str, permissions: &[Permission]) -> Option<Self> {
        let key = Self::secret(text).filter(|_| text.starts_with("rk_"))?;
        Some(Self { permissions: Some(permissions.to_owned()), ..key })
    }

    pub(crate) fn check(&self, needed: Permission, account: &str) -> Result<(), Error> {
        let allowed = |permissions: &Vec<Permission>| permissions.iter().any(|held| held.covers(needed));
        if self.permissions.as_ref().is_none_or(allowed) {
            return Ok(());
        }
        let (key, needed) = (masked(&self.text), needed.name());
        Err(Error::invalid(
            403,
            format!(
                "The provided key '{key}' does not have the required permissions for this endpoint on account '{account}'. Having the 'rak_{needed}' permission would allow this request to continue."
            ),
        ))
    }
}

impl Simulator {
    /// Adds a key of the account with all permissions, as the dashboard does. Ignores a text that is not a key.
    pub fn create_key(&self, key: &str) {
        self.shared.state().keys.extend(Key::secret(key));
    }

    /// Removes a key of the account. Later requests with it are refused with 401.
    pub fn revoke_key(&self, key: &str) {
        self.shared.state().keys.retain(|other| other.text != key);
    }
}

/// Returns the mode in the prefix of a secret or restricted key.
fn mode_of(key: &str) -> Option<Mode> {
    let rest = key.strip_prefix("sk_").or_else(|| key.strip_prefix("rk_"))?;
    [Mode::Test, Mode::Live].into_iter().find(|mode| {
        rest.strip_prefix(mode.as_str()).and_then(|rest| rest.strip_prefix('_')).is_some_and(|rest| !rest.is_empty())
    })
}

/// Masks a key as Stripe does: the prefix remains, and so do the last four characters if the key is long enough.
pub(crate) fn masked(key: &str) -> String {
    let shown = if mode_of(key).is_some() { "sk_test_".len() } else { 0 };
    let count = key.chars().count();
    let tail = if count >= shown + 16 { 4 } else { 0 };
    let mask = |(index, letter)| if index < shown || index + tail >= count { letter } else { '*' };
    key.chars().enumerate().map(mask).collect()
}
