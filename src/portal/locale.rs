//! The portal's language.

use oxilangtag::LanguageTag;

use crate::portal::refusal::{Reason, Refusal};

/// The locales of Stripe's portal, as documented for the parameter `locale` of `POST /v1/billing_portal/sessions`. A test in the
/// Stripe adapter compares them with the locales of the client library.
pub const STRIPE_LOCALES: [&str; 47] = [
    "auto", "bg", "cs", "da", "de", "el", "en", "en-AU", "en-CA", "en-GB", "en-IE", "en-IN", "en-NZ", "en-SG", "es",
    "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl",
    "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];

/// Other names of Stripe's languages, in lower case: macrolanguages and their parts, and codes that were replaced.
const SAME_LANGUAGE: [(&str, &str); 7] =
    [("no", "nb"), ("nn", "nb"), ("tl", "fil"), ("in", "id"), ("mo", "ro"), ("cmn", "zh"), ("yue", "zh")];

/// What Stripe chooses by the person's browser.
const AUTO: &str = "auto";

/// One of [`STRIPE_LOCALES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locale(&'static str);

impl Locale {
    /// Returns the locale of Stripe's portal that fits a language tag best, by lookup (RFC 4647, section 3.4), and `auto` if none
    /// does: a language must never keep a customer out. Returns `None` for an empty text: Stripe then chooses.
    ///
    /// # Errors
    /// LOCALE_INVALID if the text is not a well-formed tag (RFC 5646, section 2.2.9).
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        if text.is_empty() {
            return Ok(None);
        }
        let rule = "must be a well-formed language tag (BCP 47), such as pt-BR";
        let tag = LanguageTag::parse(text.to_ascii_lowercase())
            .map_err(|_| Refusal::of_field(Reason::LocaleInvalid, "locale", rule))?;
        Ok(Some(look_up(&tag)))
    }

    /// The locale in Stripe's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

fn look_up(tag: &LanguageTag<String>) -> Locale {
    let language = tag.as_str().split('-').next().unwrap_or_default();
    let same = SAME_LANGUAGE.iter().find(|(other, _)| *other == language).map_or(language, |(_, same)| same);
    let range = if same == "zh" { chinese(tag).to_owned() } else { tag.as_str().replacen(language, same, 1) };
    // Stripe's locales have at most a region after the language. A script between them must not hide the region.
    let with_region = tag.region().filter(|_| same != "zh").map(|region| format!("{same}-{region}"));
    // The range, then without its last subtag, and so on. A single letter before it is never the end of a known locale.
    let ranges = std::iter::successors(Some(&*range), |range| Some(range.rsplit_once('-')?.0));
    let known = |range: &str| STRIPE_LOCALES.into_iter().find(|known| known.eq_ignore_ascii_case(range));
    Locale(with_region.as_deref().into_iter().chain(ranges).find_map(known).unwrap_or(AUTO))
}

/// Returns the locale of a Chinese tag. Lookup does not know that scripts and regions imply each other. Cantonese is usually
/// written in Traditional script, and is then closest to the locale of Hong Kong.
fn chinese(tag: &LanguageTag<String>) -> &'static str {
    let is_cantonese = tag.primary_language() == "yue" || tag.extended_language() == Some("yue");
    match (tag.script(), tag.region()) {
        (Some("hans"), _) | (None, Some("cn" | "sg" | "my")) => "zh",
        (_, Some("hk" | "mo")) => "zh-hk",
        (_, Some("tw")) => "zh-tw",
        (Some("hant") | None, _) if is_cantonese => "zh-hk",
        (Some("hant"), _) => "zh-tw",
        _ => "zh",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_well_formed_tag_has_a_locale() {
        assert_eq!(Locale::parse("").unwrap(), None);
        for known in STRIPE_LOCALES {
            for spelling in [known.to_owned(), known.to_lowercase(), known.to_uppercase()] {
                assert_eq!(Locale::parse(&spelling).unwrap(), Some(Locale(known)));
            }
        }
        for (tag, expected) in [
            ("de-DE", "de"),
            ("DE-at", "de"),
            ("de-Latn-CH-1996-u-co-phonebk", "de"),
            ("pt-PT", "pt"),
            ("PT-br", "pt-BR"),
            ("pt-BR-x-internal", "pt-BR"),
            ("nb-NO", "nb"),
            ("nn-NO", "nb"),
            ("no", "nb"),
            ("no-bok", "nb"),
            ("in-ID", "id"),
            ("en-US", "en"),
            ("en-GB-oxendict", "en-GB"),
            ("en-GB-oed", "en-GB"),
            ("fr-CA", "fr-CA"),
            ("fr-BE", "fr"),
            ("es-419", "es-419"),
            ("es-MX", "es"),
            ("fil-PH", "fil"),
            ("tl", "fil"),
            ("zh-CN", "zh"),
            ("zh-TW", "zh-TW"),
            ("zh-Hant", "zh-TW"),
            ("zh-Hant-TW", "zh-TW"),
            ("zh-Hant-HK", "zh-HK"),
            ("zh-MO", "zh-HK"),
            ("zh-Hans-HK", "zh"),
            ("zh-Hans-TW", "zh"),
            ("zh-Hant-MY", "zh-TW"),
            ("zh-yue-HK", "zh-HK"),
            ("zh-x-hant", "zh"),
            ("zh-TW-x-hans", "zh-TW"),
            ("zh-cmn-Hans-CN", "zh"),
            ("cmn-Hant", "zh-TW"),
            ("yue", "zh-HK"),
            ("yue-Hans", "zh"),
            ("yue-CN", "zh"),
            ("zh-yue", "zh-HK"),
            ("zh-yue-Hant", "zh-HK"),
            ("zh-min-nan", "zh"),
            ("cmn-TW", "zh-TW"),
            ("pt-Latn-BR", "pt-BR"),
            ("fr-Latn-CA-x-a", "fr-CA"),
            ("sr-Latn-RS", "auto"),
            ("ar", "auto"),
            ("he-IL", "auto"),
            ("tlh", "auto"),
            ("i-klingon", "auto"),
            ("x-private", "auto"),
            ("und", "auto"),
        ] {
            assert_eq!(Locale::parse(tag).unwrap().unwrap().as_str(), expected, "{tag}");
        }
        for malformed in ["e", "pt_BR", "en ", " en", "auto,en", "en-", "-en", "en--GB", "de-ä", "en-a", "123", "en\0"]
        {
            let refusal = Locale::parse(malformed).unwrap_err();
            assert_eq!(refusal.reason(), Reason::LocaleInvalid, "{malformed:?}");
        }
    }
}
