//! The message and the body of a case.

use billing_portal::grpc::proto::{
    CreatePortalSessionRequest,
    create_portal_session_request::{
        CustomerUpdate, Flow, PaymentMethodUpdate, SubscriptionCancel, SubscriptionUpdate, SubscriptionUpdateConfirm,
        subscription_update_confirm::Item,
    },
};
use prost::Message as _;
use serde_json::{Map, Value};

use super::{case::Case, text};
use crate::support::{raw_call::frame, world::home};

/// Returns all bytes of a body: usually one frame with the message. The part `message` is the usual message, and `frame` a frame
/// with it.
pub(super) fn body(case: &Case) -> Vec<u8> {
    let usual = request(&case.request).encode_to_vec();
    let part = |part: &String| match part.as_str() {
        "message" => usual.clone(),
        "frame" => frame(0, &usual),
        other => text::bytes(other),
    };
    if let Some(parts) = &case.body {
        return parts.iter().flat_map(part).collect();
    }
    let message = case.message.as_ref().map_or_else(|| usual.clone(), |parts| parts.iter().flat_map(part).collect());
    frame(0, &message)
}

/// Returns the usual request with some fields changed.
pub(super) fn request(fields: &Map<String, Value>) -> CreatePortalSessionRequest {
    let mut request = home();
    for (name, value) in fields {
        let text = || value.as_str().unwrap().to_owned();
        match name.as_str() {
            "return_url" => request.return_url = text(),
            "displayed_tenant_id" => request.displayed_tenant_id = text(),
            "locale" => request.locale = text(),
            "completed_url" => request.completed_url = Some(text()),
            flow => request.flow = Some(parse_flow(flow, value)),
        }
    }
    request
}

fn parse_flow(name: &str, value: &Value) -> Flow {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let subscription_id = text(&value["subscription_id"]);
    match name {
        "payment_method_update" => Flow::PaymentMethodUpdate(PaymentMethodUpdate {}),
        "customer_update" => Flow::CustomerUpdate(CustomerUpdate {}),
        "subscription_cancel" => Flow::SubscriptionCancel(SubscriptionCancel { subscription_id }),
        "subscription_update" => Flow::SubscriptionUpdate(SubscriptionUpdate { subscription_id }),
        "subscription_update_confirm" => {
            let item = value.get("item").map(|item| Item {
                id: text(&item["id"]),
                price_id: text(&item["price_id"]),
                quantity: item["quantity"].as_u64().map(|quantity| quantity.try_into().unwrap()),
            });
            Flow::SubscriptionUpdateConfirm(SubscriptionUpdateConfirm { subscription_id, item })
        }
        other => panic!("unknown field: {other}"),
    }
}
