//! The permission that a restricted key lacks.

use std::fmt;

/// The longest name that is read, in bytes.
const MAX_BYTES: usize = 64;

/// The name of a permission of a restricted key, as Stripe spells it: `rak_customer_read`, or `customer_read`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission(String);

impl Permission {
    /// Finds the first name in quotation marks in a message. Nothing else of the message is used, because it also contains
    /// a part of the key. Stripe has two texts:
    ///
    /// - Having the 'rak_customer_read' permission would allow this request to continue.
    /// - Enabling "Customers Read" ('customer_read') permissions on this key would allow this request to continue.
    pub(super) fn in_message(message: &str) -> Option<Self> {
        // Text before the first mark and after the last one is not quoted. An apostrophe may precede a name.
        let marks = message.matches('\'').count();
        message.split('\'').take(marks).skip(1).find(|text| is_name(text)).map(|name| Self(name.to_owned()))
    }
}

/// A key is never a name: it has no underscore after its mode.
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= MAX_BYTES
        && text.bytes().all(is_allowed)
        && (text.strip_prefix("rak_").is_some_and(|rest| !rest.is_empty())
            || ["_read", "_write"].into_iter().any(|access| text.ends_with(access)))
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
        let lacks = "The provided key 'rk_test_***wxyz' does not have the required permissions for this endpoint on account \
                     'acct_1'.";
        for (message, name) in [
            ("Having the 'rak_customer_read' permission would allow this request to continue.", "rak_customer_read"),
            (
                "Enabling \"Customers Write\" ('customer_write') permissions on this key would allow this request to continue.",
                "customer_write",
            ),
            ("This key doesn't have the 'customer_read' permission.", "customer_read"),
        ] {
            assert_eq!(found(&format!("{lacks} {message}")).as_deref(), Some(name), "{message}");
        }
        let long = format!("'rak_{}'", "a".repeat(61));
        for other in [
            lacks,
            "",
            "'",
            "'rak_'",
            "rak_customer_read",
            "'rak_customer_read",
            "rak_customer_read'",
            "'rak_Customer'",
            "'rak_a b'",
            "'rak_a\n'",
            "'rk_test_a'",
            "'sk_live_51abc'",
            &long,
        ] {
            assert_eq!(found(other), None, "{other:?}");
        }
    }
}
