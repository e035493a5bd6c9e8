//! Stripe's answers as JSON.

use billing_portal::portal::{Reason, Refusal};
use serde_json::{Value, json};

use super::case::{CUSTOMERS, CustomerAnswer, SessionAnswer, TENANTS};
use crate::support::world::RETURN_URL;

/// Returns the URL of a session of a customer.
pub(super) fn url_of(customer: &str) -> String {
    format!("https://billing.stripe.com/p/session/test_{customer}")
}

fn unavailable() -> Refusal {
    Refusal::because(Reason::StripeUnavailable, "Stripe is down")
}

/// Returns Stripe's answer about the customer at a position. `tenant` is that of the call.
pub(super) fn customer(answer: CustomerAnswer, asked: usize, tenant: usize) -> Result<Vec<u8>, Refusal> {
    let object = |position: usize, is_live: bool, metadata: Value| {
        let id = CUSTOMERS[position];
        json!({"object": "customer", "id": id, "livemode": is_live, "metadata": metadata})
    };
    let right = json!({"tenant_id": TENANTS[tenant]});
    let body = match answer {
        CustomerAnswer::Names(Some(name)) => object(asked, false, json!({"tenant_id": name})),
        CustomerAnswer::Names(None) => object(asked, false, json!({})),
        CustomerAnswer::Deleted => json!({"object": "customer", "id": CUSTOMERS[asked], "deleted": true}),
        CustomerAnswer::OtherMode => object(asked, true, right),
        CustomerAnswer::OtherCustomer => object(1 - asked, false, right),
        CustomerAnswer::Unavailable => return Err(unavailable()),
    };
    Ok(body.to_string().into_bytes())
}

/// Returns Stripe's answer to the request for a session of the customer at a position.
pub(super) fn session(answer: SessionAnswer, asked: usize) -> Result<Vec<u8>, Refusal> {
    let mut body = json!({
        "object": "billing_portal.session", "id": "bps_1", "customer": CUSTOMERS[asked], "livemode": false,
        "return_url": RETURN_URL, "flow": null, "url": url_of(CUSTOMERS[asked]),
    });
    match answer {
        SessionAnswer::Fits => {}
        SessionAnswer::OtherCustomer => {
            body["customer"] = json!(CUSTOMERS[1 - asked]);
            body["url"] = json!(url_of(CUSTOMERS[1 - asked]));
        }
        SessionAnswer::OtherMode => body["livemode"] = json!(true),
        SessionAnswer::OtherReturnUrl => body["return_url"] = json!("https://app.example.com/other"),
        SessionAnswer::OtherHost => body["url"] = json!("https://billing.stripe.com.evil.test/p/session/test_1"),
        SessionAnswer::WithFlow => body["flow"] = json!({"type": "customer_update"}),
        SessionAnswer::WithoutUrl => body["url"] = json!(null),
        SessionAnswer::Unavailable => return Err(unavailable()),
    }
    Ok(body.to_string().into_bytes())
}
