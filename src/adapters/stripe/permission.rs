//! The permission that a restricted key lacks.

use std::fmt;

/// The beginning of every name in Stripe's messages.
const PREFIX: &str = "rak_";

/// The longest name that is read, in bytes.
const MAX_BYTES: usize = 64;

/// The name of a permission of a restricted key, `rak_[a-z0-9_]+`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission(String);

impl Permission {
    /// Finds the first name in quotation marks in a message: "Having the 'rak_customer_read' permission would allow this
    /// request to continue." Nothing else of the message is used, because it also contains a part of the key.
    pub(super) fn in_message(message: &str) -> Option<Self> {
        let is_name = |name: &&str| {
            name.len() <= MAX_BYTES
                && name.strip_prefix(PREFIX).is_some_and(|rest| {
                    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
                    !rest.is_empty() && rest.bytes().all(is_allowed)
                })
        };
        message.split('\'').skip(1).step_by(2).find(is_name).map(|name| Self(name.to_owned()))
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_quoted_name_is_found() {
        let found = |message: &str| Permission::in_message(message).map(|permission| permission.to_string());
        let message = "The provided key 'rk_test_***wxyz' does not have the required permissions for this endpoint on account \
                       'acct_1'. Having the 'rak_customer_read' permission would allow this request to continue.";
        assert_eq!(found(message).as_deref(), Some("rak_customer_read"));
        let long = format!("'rak_{}'", "a".repeat(61));
        for other in
            ["", "'rak_'", "rak_customer_read", "'rak_Customer'", "'rak_a b'", "'rak_a\n'", "'rk_test_a'", &long]
        {
            assert_eq!(found(other), None, "{other:?}");
        }
    }
}
