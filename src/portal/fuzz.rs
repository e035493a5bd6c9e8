//! The texts of a token, of the directory and of a request: ids and locales.

use url::Url;

use super::{locale::STRIPE_LOCALES, *};
use crate::fuzz;

/// The input is an id, or the locale of a request.
#[test]
fn ids_and_locale() {
    fuzz::run("ids_and_locale", |input| {
        let text = fuzz::text(input);
        let is_id = matches!(text.len(), 1..=255) && text.chars().all(|c| ('!'..='~').contains(&c));
        let tenant = TenantId::parse(text);
        assert_eq!(tenant.as_ref().map(TenantId::as_str), is_id.then_some(text));
        let user = UserId::parse(text);
        assert_eq!(user.as_ref().map(UserId::as_str), is_id.then_some(text));
        if let Some(customer) = CustomerId::parse(text) {
            assert_eq!(customer.as_str(), text);
            // In the path of a URL, it is one segment.
            let url = Url::parse(&format!("https://api.stripe.com/v1/customers/{text}")).unwrap();
            assert_eq!(url.path_segments().unwrap().collect::<Vec<_>>(), ["v1", "customers", text]);
            assert!(text.starts_with("cus_") && url.query().is_none() && url.fragment().is_none());
        }
        let [locale, in_upper_case] =
            [text.to_owned(), text.to_ascii_uppercase()].map(|text| Locale::parse(&text).ok());
        assert_eq!(locale, in_upper_case);
        assert_eq!(locale == Some(None), text.is_empty());
        assert!(locale.flatten().is_none_or(|locale| STRIPE_LOCALES.contains(&locale.as_str())));
    });
}
