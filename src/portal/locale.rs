//! The portal's language.

use crate::portal::refusal::{Reason, Refusal};

/// The locales of Stripe's portal, as documented for the parameter `locale` of `POST /v1/billing_portal/sessions`. A test in the
/// Stripe adapter compares them with the locales of the client library.
pub const STRIPE_LOCALES: [&str; 47] = [
    "auto", "bg", "cs", "da", "de", "el", "en", "en-AU", "en-CA", "en-GB", "en-IE", "en-IN", "en-NZ", "en-SG", "es",
    "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl",
    "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];

/// One of [`STRIPE_LOCALES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locale(&'static str);

impl Locale {
    /// Parses a locale in exactly Stripe's spelling. Returns `None` for an empty text: Stripe then chooses.
    ///
    /// # Errors
    /// LOCALE_INVALID.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        if text.is_empty() {
            return Ok(None);
        }
        let known = STRIPE_LOCALES.into_iter().find(|known| *known == text);
        known
            .map(|known| Some(Self(known)))
            .ok_or_else(|| Refusal::because(Reason::LocaleInvalid, "not a locale of Stripe's portal").at("locale"))
    }

    /// The locale in Stripe's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_stripes_locales_or_empty() {
        assert_eq!(Locale::parse("").unwrap(), None);
        assert_eq!(Locale::parse("pt-BR").unwrap().unwrap().as_str(), "pt-BR");
        for bad in ["xx", "EN", "pt_BR", "en ", "auto,en"] {
            assert_eq!(Locale::parse(bad).unwrap_err().reason(), Reason::LocaleInvalid);
        }
    }
}
