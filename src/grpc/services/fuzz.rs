//! The messages of both methods, from the bytes to the request, and the return URL in them.

use prost::Message as _;
use url::{Position, Url};

use super::*;
use crate::{
    fuzz,
    portal::{Reason, locale::STRIPE_LOCALES},
};

const ORIGINS: [&str; 2] = ["https://app.example.com", "http://localhost:3000"];

/// The input is a message of either method.
#[test]
fn message() {
    let origins = ReturnOrigins::parse(&ORIGINS.map(str::to_owned)).unwrap();
    fuzz::run("message", |input| {
        if let Ok(message) = GetPortalAccessRequest::decode(input) {
            assert_eq!(GetPortalAccessRequest::decode(&*message.encode_to_vec()).unwrap(), message);
        }
        let Ok(message) = CreatePortalSessionRequest::decode(input) else { return };
        assert_eq!(CreatePortalSessionRequest::decode(&*message.encode_to_vec()).unwrap(), message);
        match parse_request(&message, &origins) {
            Ok(request) => check_request(&request, &message),
            Err(refusal) => {
                assert!(
                    [Reason::ReturnUrlNotAllowed, Reason::LocaleInvalid, Reason::FlowInvalid]
                        .contains(&refusal.reason())
                );
                let (field, rule) = refusal.violation().unwrap();
                assert_eq!(refusal.to_string(), format!("{field} {rule}"));
            }
        }
    });
}

/// Everything in the request is what the message says, and nothing of the message is left out.
fn check_request(request: &PortalRequest, message: &CreatePortalSessionRequest) {
    assert_eq!(request.return_url.as_str(), message.return_url);
    let completed_url = message.completed_url.as_ref().unwrap_or(&message.return_url);
    assert_eq!(request.completed_url.as_str(), completed_url);
    for url in [&message.return_url, completed_url] {
        assert!(ORIGINS.iter().any(|origin| url.starts_with(&format!("{origin}/"))), "{url}");
    }
    assert_eq!(request.locale.is_none(), message.locale.is_empty());
    assert!(request.locale.is_none_or(|locale| STRIPE_LOCALES.contains(&locale.as_str())));
    assert!(message.flow.is_some() || message.completed_url.is_none());
    let (name, subscription) = match &message.flow {
        None => ("home", None),
        Some(FlowField::PaymentMethodUpdate(_)) => ("payment_method_update", None),
        Some(FlowField::CustomerUpdate(_)) => ("customer_update", None),
        Some(FlowField::SubscriptionCancel(flow)) => ("subscription_cancel", Some(&flow.subscription_id)),
        Some(FlowField::SubscriptionUpdate(flow)) => ("subscription_update", Some(&flow.subscription_id)),
        Some(FlowField::SubscriptionUpdateConfirm(flow)) => {
            ("subscription_update_confirm", Some(&flow.subscription_id))
        }
    };
    assert_eq!(request.flow.name(), name);
    assert_eq!(request.flow.subscription().map(SubscriptionId::as_str), subscription.map(String::as_str));
    assert!(subscription.is_none_or(|id| is_stripe_id(id, "sub_")));
    if let (Flow::SubscriptionUpdateConfirm(_, item), Some(FlowField::SubscriptionUpdateConfirm(flow))) =
        (&request.flow, &message.flow)
    {
        let field = flow.item.as_ref().unwrap();
        assert_eq!(
            (item.id(), item.price().unwrap_or_default(), item.quantity()),
            (&*field.id, &*field.price_id, field.quantity)
        );
        assert!(is_stripe_id(item.id(), "si_") && item.quantity() != Some(0));
        assert!(item.price().is_none_or(|price| is_stripe_id(price, "price_") || is_stripe_id(price, "plan_")));
    }
}

/// Returns whether a text can be in the path, the query or the body of a request to Stripe without changing it.
fn is_stripe_id(text: &str, prefix: &str) -> bool {
    let mut rest = text.strip_prefix(prefix).unwrap_or_default().chars();
    rest.clone().next().is_some() && text.len() <= 255 && rest.all(|c| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9'))
}

/// The first line of the input is a list of origins, separated by spaces. The second one is the return URL.
#[test]
fn return_url() {
    fuzz::run("return_url", |input| {
        let (list, text) = fuzz::text(input).split_once('\n').unwrap_or_default();
        let list: Vec<_> = list.split(' ').map(str::to_owned).collect();
        let Ok(origins) = ReturnOrigins::parse(&list) else { return };
        for origin in &list {
            let url = Url::parse(origin).unwrap();
            assert_eq!(url.origin().ascii_serialization(), *origin);
            assert!(url.scheme() == "https" || url.scheme() == "http" && is_this_machine(&url), "{origin}");
            assert!(url.domain().is_some() || is_this_machine(&url), "{origin}");
        }
        let Ok(accepted) = ReturnUrl::parse(text, &origins) else { return };
        let url = Url::parse(text).unwrap();
        assert_eq!([url.as_str(), accepted.as_str()], [text; 2]);
        assert!(
            list.contains(&url.origin().ascii_serialization())
                && list.contains(&url[..Position::BeforePath].to_owned())
        );
        assert!(url.fragment().is_none() && !url.path().starts_with("//") && text.len() <= 2_048);
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>".contains(&byte)));
        // A parser with other rules, where it can read the URL at all.
        if let Ok(uri) = text.parse::<http::Uri>() {
            assert_eq!(
                (uri.scheme_str(), uri.host(), uri.port_u16()),
                (Some(url.scheme()), url.host_str(), url.port())
            );
            assert_eq!(uri.path(), url.path());
        }
    });
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap();
    host == "localhost" || host == "[::1]" || host.starts_with("127.") && url.domain().is_none()
}
