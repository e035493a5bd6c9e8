use serde_json::json;

use super::*;
use crate::{
    adapters::stripe::SessionHosts,
    portal::{ReturnOrigins, flow::SubscriptionId},
};

#[test]
fn response_must_be_exactly_one_json_object() {
    for bad in ["", "[]", "null", "<html>", "{\"id\":", "{}{}", "\"x\"", "{\"other\":1e999}"] {
        for parse in [parse_object, parse_customer, parse_session] {
            assert_eq!(parse(bad.as_bytes()).unwrap_err().reason(), Reason::StripeProtocol, "{bad}");
        }
    }
}

#[test]
fn response_must_not_have_duplicate_members() {
    for bad in [r#"{"id":1,"i\u0064":1}"#, r#"{"other":1,"other":1}"#, r#"{"other":[{"a":1,"a":1}]}"#] {
        for parse in [parse_object, parse_customer, parse_session] {
            assert_eq!(parse(bad.as_bytes()).unwrap_err().reason(), Reason::StripeResponseRejected, "{bad}");
        }
    }
}

/// Settings of a session, in a mode.
pub(super) fn settings(mode: Mode) -> SessionSettings {
    SessionSettings {
        mode,
        configuration: Some("bpc_1".to_owned()),
        tenant_metadata_key: "tenant_id".to_owned(),
        session_hosts: SessionHosts::new(vec!["billing.stripe.com".to_owned()]),
    }
}

/// Returns bodies with this object, and with each of its members and each member that is kept: missing, or with another value.
fn with_other_members(object: &Value) -> Vec<Vec<u8>> {
    let members = object.as_object().unwrap();
    let body = |members: &Object| serde_json::to_vec(members).unwrap();
    let values = json!([null, true, false, 1, "x", [], {}, {"id": "bpc_1"}, {"tenant_id": "b"}, {"tenant_id": null}]);
    let mut bodies = vec![body(members)];
    for name in members.keys().map(String::as_str).chain(CUSTOMER_MEMBERS).chain(SESSION_MEMBERS) {
        let mut other = members.clone();
        other.remove(name);
        bodies.push(body(&other));
        for value in values.as_array().unwrap() {
            other.insert(name.to_owned(), value.clone());
            bodies.push(body(&other));
        }
    }
    bodies
}

/// A check must not read a member that is not kept. The objects in these tests have the members that Stripe sends, and those that
/// must not have a value.
#[test]
fn checks_of_a_customer_need_only_what_is_kept() {
    let object = json!({
        "id": "cus_A", "object": "customer", "address": null, "balance": 0, "created": 1, "currency": "usd",
        "customer_account": null, "default_source": null, "delinquent": false, "description": null, "discount": null,
        "email": null, "invoice_prefix": "0", "invoice_settings": {"footer": null}, "livemode": false,
        "deleted": false, "metadata": {"tenant_id": "a"}, "name": null, "next_invoice_sequence": 1, "phone": null,
        "preferred_locales": [], "shipping": null, "tax_exempt": "none", "test_clock": null,
    });
    let customer = CustomerId::parse("cus_A").unwrap();
    let checked = |object| recorded_tenant(&object, &customer, &settings(Mode::Test));
    let bodies = with_other_members(&object);
    assert!(checked(parse_customer(&bodies[0]).unwrap()).is_ok());
    for body in bodies {
        let [kept, whole] = [parse_customer, parse_object].map(|parse| format!("{:?}", checked(parse(&body).unwrap())));
        assert_eq!(kept, whole, "{}", String::from_utf8_lossy(&body));
    }
}

#[test]
fn checks_of_a_session_need_only_what_is_kept() {
    let origins = ReturnOrigins::parse(&["https://app.example.com".to_owned()]).unwrap();
    let url = ReturnUrl::parse("https://app.example.com/", &origins).unwrap();
    let cancel = Flow::SubscriptionCancel(SubscriptionId::parse("sub_1", "").unwrap());
    let after = json!({"type": "redirect", "redirect": {"return_url": "https://app.example.com/"}});
    let cancels = json!({"type": "subscription_cancel", "after_completion": after, "subscription_cancel": {"subscription": "sub_1"}});
    for (flow, answered) in [(Flow::Home, Value::Null), (cancel, cancels)] {
        let object = json!({
            "id": "bps_1", "object": "billing_portal.session", "configuration": "bpc_1", "created": 1, "customer": "cus_A",
            "after_expiration": null, "customer_account": null, "flow": answered, "livemode": false, "locale": null, "on_behalf_of": null,
            "return_url": "https://app.example.com/", "url": "https://billing.stripe.com/p/session/x",
        });
        let (return_url, completed_url) = (url.clone(), url.clone());
        let request = PortalRequest { return_url, completed_url, locale: None, flow };
        let customer = CustomerId::parse("cus_A").unwrap();
        let checked = |object| checked_session(&object, &customer, &request, &settings(Mode::Test)).map(drop);
        let bodies = with_other_members(&object);
        assert!(checked(parse_session(&bodies[0]).unwrap()).is_ok());
        for body in bodies {
            let [kept, whole] =
                [parse_session, parse_object].map(|parse| format!("{:?}", checked(parse(&body).unwrap())));
            assert_eq!(kept, whole, "{}", String::from_utf8_lossy(&body));
        }
    }
}

/// The source names each member that a check reads.
#[test]
fn every_member_that_a_check_names_is_kept() {
    let source = include_str!("../response.rs");
    let mut named = Vec::new();
    for read in
        ["object.get(\"", "session.get(\"", "string(object, \"", "boolean(object, \"", "expandable_id(object, \""]
    {
        named.extend(source.split(read).skip(1).map(|rest| rest.split('"').next().unwrap()));
    }
    assert!(named.len() >= CUSTOMER_MEMBERS.len() + SESSION_MEMBERS.len() - 1, "{named:?}");
    for name in named {
        assert!(CUSTOMER_MEMBERS.contains(&name) || SESSION_MEMBERS.contains(&name), "{name} is read and not kept");
    }
}
