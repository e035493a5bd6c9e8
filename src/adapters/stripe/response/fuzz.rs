//! Stripe's responses: what is accepted is what was requested, read by the types of serde_json alone.

use super::{tests::settings, *};
use crate::{
    fuzz,
    portal::{
        ReturnOrigins, TenantId,
        flow::{Item, SubscriptionId},
    },
};

const URL: &str = "https://app.example.com/settings";

/// Both parsers accept the same bodies, and the checks decide the same about what they keep.
fn assert_same<T>(
    input: &[u8],
    parse: fn(&[u8]) -> Result<Object, Refusal>,
    check: impl Fn(&Object) -> Result<T, Refusal>,
) -> Option<T> {
    let [kept, whole] = [parse, parse_object].map(|parse| parse(input).and_then(|object| check(&object)));
    let reason =
        |result: &Result<T, Refusal>| result.as_ref().err().map(|refusal| (refusal.reason(), refusal.to_string()));
    assert_eq!(reason(&kept), reason(&whole));
    kept.ok()
}

/// The input is a customer.
#[test]
fn stripe_customer() {
    let (customer, settings) = (CustomerId::parse("cus_1").unwrap(), settings(Mode::Live));
    let acme = TenantId::parse("acme").unwrap();
    fuzz::run("stripe_customer", |input| {
        let check = |object: &Object| recorded_tenant(object, &customer, &settings);
        let Some(recorded) = assert_same(input, parse_customer, check) else { return };
        let object: Value = serde_json::from_slice(input).unwrap();
        assert_eq!(
            (&object["object"], &object["id"], &object["livemode"]),
            (&"customer".into(), &"cus_1".into(), &true.into())
        );
        assert!(object.get("deleted").is_none_or(|deleted| *deleted == false));
        let names_acme = object.pointer("/metadata/tenant_id").is_some_and(|tenant| *tenant == "acme");
        assert_eq!(recorded.verify(&acme, &customer).is_ok(), names_acme);
    });
}

/// The input is a session.
#[test]
fn stripe_session() {
    let origins = ReturnOrigins::parse(&["https://app.example.com".to_owned()]).unwrap();
    let return_url = ReturnUrl::parse(URL, &origins).unwrap();
    let subscription = || SubscriptionId::parse("sub_1", "").unwrap();
    let flows = [
        Flow::Home,
        Flow::PaymentMethodUpdate,
        Flow::SubscriptionCancel(subscription()),
        Flow::SubscriptionUpdateConfirm(subscription(), Item::parse("si_1", "price_1", Some(2)).unwrap()),
    ];
    let (customer, settings) = (CustomerId::parse("cus_1").unwrap(), settings(Mode::Live));
    let requests = flows.map(|flow| {
        let (return_url, completed_url) = (return_url.clone(), return_url.clone());
        PortalRequest { return_url, completed_url, locale: None, flow }
    });
    fuzz::run("stripe_session", |input| {
        let check = |object: &Object, request| checked_session(object, &customer, request, &settings);
        let accepted = requests
            .iter()
            .filter(|request| assert_same(input, parse_session, |object| check(object, request)).is_some());
        let accepted: Vec<_> = accepted.collect();
        let Some(request) = accepted.first() else { return };
        assert_eq!(accepted.len(), 1, "a session answers different requests");
        let object: Value = serde_json::from_slice(input).unwrap();
        let id = object["id"].as_str().unwrap();
        assert_eq!(session_id(None, input).as_deref(), Some(id));
        assert!(id.starts_with("bps_") && id.len() <= 255 && id[4..].bytes().all(|byte| byte.is_ascii_alphanumeric()));
        for (member, expected) in [("object", "billing_portal.session"), ("customer", "cus_1"), ("return_url", URL)] {
            assert_eq!(object[member], expected);
        }
        assert!(object["livemode"] == true && object["on_behalf_of"].is_null() && object["after_expiration"].is_null());
        assert!(object["configuration"] == "bpc_1" || object["configuration"]["id"] == "bpc_1");
        assert!(object["url"].as_str().unwrap().to_ascii_lowercase().starts_with("https://billing.stripe.com"));
        check_answer(&object["flow"], &request.flow);
    });
}

fn check_answer(answer: &Value, requested: &Flow) {
    if *requested == Flow::Home {
        return assert!(answer.is_null());
    }
    assert_eq!(answer["type"], requested.name());
    assert_eq!(answer["after_completion"]["type"], "redirect");
    assert_eq!(answer["after_completion"]["redirect"]["return_url"], URL);
    let details = &answer[requested.name()];
    assert!(requested.subscription().is_none() || details["subscription"] == "sub_1");
    if matches!(requested, Flow::SubscriptionUpdateConfirm(..)) {
        let items = details["items"].as_array().unwrap();
        assert_eq!((items.len(), &items[0]["id"]), (1, &"si_1".into()));
        assert_eq!((&items[0]["price"], &items[0]["quantity"]), (&"price_1".into(), &2.into()));
    }
}
