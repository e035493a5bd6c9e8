//! Faults that give a well-formed response of Stripe wrong content.

use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    customers,
    endpoint::Endpoint,
    faults::effect::RequestInfo,
    state::{State, random},
    wire::Answer,
};

type Object = Map<String, Value>;

/// Changes the object of a successful response. Error responses remain unchanged.
fn alter(answer: Answer, change: impl FnOnce(&mut Object)) -> Answer {
    let mut json = answer.json();
    match json.as_object_mut().filter(|_| answer.status == 200) {
        Some(object) => change(object),
        None => return answer,
    }
    answer.with_json(&json)
}

fn alter_of(endpoint: Endpoint, request: &RequestInfo, answer: Answer, change: impl FnOnce(&mut Object)) -> Answer {
    if request.is_for(endpoint) { alter(answer, change) } else { answer }
}

fn set(object: &mut Object, member: &str, value: Value) {
    object.insert(member.to_owned(), value);
}

/// Makes the URL open the portal of the returned customer, so that a test can see the consequence.
pub(crate) fn other_customer(state: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    let (Some(mode), Some(id)) = (request.mode, request.customer.as_deref()) else { return answer };
    let other = state.customers.values().filter(|other| other.mode == mode && other.id != id && !other.deleted);
    let other = other.min_by(|one, other| one.id.cmp(&other.id)).cloned();
    alter(answer, |object| {
        let other_id = other.as_ref().map_or_else(|| "cus_SomebodyElse".to_owned(), |other| other.id.clone());
        if request.is_for(Endpoint::Customers) || request.is_for(Endpoint::CustomerUpdates) {
            match other.as_ref().map(customers::object) {
                Some(Value::Object(other)) => *object = other,
                _ => set(object, "id", other_id.into()),
            }
            return;
        }
        if !request.is_for(Endpoint::Sessions) {
            return;
        }
        let url = object.get("url").and_then(Value::as_str).unwrap_or_default();
        if let Some(session) = state.session_mut(url) {
            session.customer.clone_from(&other_id);
        }
        set(object, "customer", other_id.into());
    })
}

pub(crate) fn other_mode(_: &mut State, _: &RequestInfo, answer: Answer) -> Answer {
    alter(answer, |object| {
        if let Some(Value::Bool(livemode)) = object.get_mut("livemode") {
            *livemode = !*livemode;
        }
    })
}

fn set_in_session(request: &RequestInfo, answer: Answer, member: &str, value: Value) -> Answer {
    alter_of(Endpoint::Sessions, request, answer, |object| set(object, member, value))
}

pub(crate) fn other_return_url(_: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    set_in_session(request, answer, "return_url", "https://somewhere.example/".into())
}

/// Adds a flow if none was requested, and removes it otherwise.
pub(crate) fn other_flow(_: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    alter_of(Endpoint::Sessions, request, answer, |object| {
        let after = json!({"hosted_confirmation": null, "redirect": null, "type": "portal_homepage"});
        let flow = json!({
            "after_completion": after, "customer_update": null, "subscription_cancel": null, "subscription_update": null,
            "subscription_update_confirm": null, "type": "payment_method_update",
        });
        let was_requested = object.get("flow").is_some_and(|flow| !flow.is_null());
        set(object, "flow", if was_requested { Value::Null } else { flow });
    })
}

pub(crate) fn other_configuration(_: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    set_in_session(request, answer, "configuration", "bpc_SomebodyElse".into())
}

pub(crate) fn on_behalf_of(_: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    set_in_session(request, answer, "on_behalf_of", "acct_1SomebodyElse".into())
}

/// Changes one part of the correct URL only, to detect clients that check only the rest.
fn change_url(request: &RequestInfo, answer: Answer, change: impl FnOnce(&mut Url) -> Option<()>) -> Answer {
    alter_of(Endpoint::Sessions, request, answer, |object| {
        let url = object.get("url").and_then(Value::as_str).and_then(|text| Url::parse(text).ok());
        if let Some(mut url) = url {
            // Cannot fail: http and https URLs support each of these changes.
            let _changed = change(&mut url);
            set(object, "url", url.as_str().into());
        }
    })
}

pub(crate) fn url_on_other_host(_: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    change_url(request, answer, |url| {
        // The host starts with the correct one, to detect clients that check only the beginning.
        let host = format!("{}.somewhere.example", url.domain().unwrap_or("billing.stripe.com"));
        url.set_host(Some(&host)).ok()
    })
}

pub(crate) fn url_over_http(_: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    change_url(request, answer, |url| {
        let other = if url.scheme() == "https" { "http" } else { "https" };
        url.set_scheme(other).ok()
    })
}

pub(crate) fn url_with_userinfo(_: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    change_url(request, answer, |url| url.set_username("owner").ok())
}

pub(crate) fn url_with_port(_: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    change_url(request, answer, |url| {
        let other = url.port().map_or(8443, |port| port ^ 1);
        url.set_port(Some(other)).ok()
    })
}

pub(crate) fn url_empty(_: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    set_in_session(request, answer, "url", "".into())
}

pub(crate) fn wrong_object(_: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    let other = if request.is_for(Endpoint::Sessions) { "checkout.session" } else { "source" };
    alter(answer, |object| set(object, "object", other.into()))
}

pub(crate) fn after_expiration(_: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    set_in_session(request, answer, "after_expiration", json!({"recovery": {"enabled": true, "url": null}}))
}

pub(crate) fn replayed(_: &mut State, request: &RequestInfo, mut answer: Answer) -> Answer {
    if request.is_for(Endpoint::Sessions) && answer.status == 200 {
        // A genuine replay already has these headers, with another original request.
        answer.headers.retain(|(name, _)| name != "idempotent-replayed" && name != "original-request");
        answer.headers.push(("idempotent-replayed".to_owned(), "true".to_owned()));
        answer.headers.push(("original-request".to_owned(), format!("req_{}", random())));
    }
    answer
}

/// Changes the metadata of a customer.
fn change_metadata(request: &RequestInfo, answer: Answer, change: impl FnOnce(&mut Object)) -> Answer {
    alter_of(Endpoint::Customers, request, answer, |object| {
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            change(metadata);
        }
    })
}

pub(crate) fn metadata_absent(_: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    alter_of(Endpoint::Customers, request, answer, |object| {
        object.shift_remove("metadata");
    })
}

pub(crate) fn metadata_empty(_: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    change_metadata(request, answer, Object::clear)
}

pub(crate) fn metadata_blank(_: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    change_metadata(request, answer, |metadata| metadata.values_mut().for_each(|value| *value = "".into()))
}

pub(crate) fn metadata_not_text(_: &mut State, request: &RequestInfo, answer: Answer) -> Answer {
    change_metadata(request, answer, |metadata| metadata.values_mut().for_each(|value| *value = 7.into()))
}
