//! The effect of each fault on the two requests of a portal session.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;
use tokio::time::timeout;

use super::caller::{Caller, End, Outcome, PROTOCOLS};
use crate::Fault;

/// A fault, and how it changes the responses to reading the customer and creating the session. Empty means unchanged.
const TABLE: &[(&str, &str, &str)] = &[
    ("other-customer", r#"id="cus_B" metadata={"tenant_id":"globex"} name="Bob""#, r#"customer="cus_B""#),
    ("other-mode", "livemode=true", "livemode=true"),
    ("other-return-url", "", r#"return_url="https://somewhere.example/""#),
    ("other-flow", "", "flow"),
    ("other-configuration", "", r#"configuration="bpc_SomebodyElse""#),
    ("on-behalf-of", "", r#"on_behalf_of="acct_1SomebodyElse""#),
    ("url-on-other-host", "", "url=http://billing.stripe.com.somewhere.example:PORT/p/session/SECRET"),
    ("url-over-http", "", "url=https://127.0.0.1:PORT/p/session/SECRET"),
    ("url-with-userinfo", "", "url=http://owner@127.0.0.1:PORT/p/session/SECRET"),
    ("url-with-port", "", "url=http://127.0.0.1:OTHER/p/session/SECRET"),
    ("url-empty", "", "url="),
    ("wrong-object", r#"object="source""#, r#"object="checkout.session""#),
    ("after-expiration", "", r#"after_expiration={"recovery":{"enabled":true,"url":null}}"#),
    ("replayed", "", "idempotent-replayed"),
    ("customer-deleted", "deleted", "400 resource_missing customer"),
    ("customer-of-other-mode", "404 resource_missing id", "400 resource_missing customer"),
    ("customer-missing", "404 resource_missing id", "400 resource_missing customer"),
    ("metadata-absent", "metadata", ""),
    ("metadata-empty", "metadata={}", ""),
    ("metadata-blank", r#"metadata={"tenant_id":""}"#, ""),
    ("metadata-not-text", r#"metadata={"tenant_id":7}"#, ""),
    ("redirect", "302 to /v1/customers/cus_A", "302 to /v1/billing_portal/sessions"),
    ("html", "200 html", "200 html"),
    ("truncated-json", "200 not JSON", "200 not JSON"),
    ("body-too-large", "65537 bytes", "65537 bytes"),
    ("body-drips", "drips", "drips"),
    ("hang", "hangs", "hangs"),
    ("reset", "reset", "reset"),
    ("reset-in-head", "reset", "reset"),
    ("reset-in-body", "reset in the body", "reset in the body"),
    ("closed-after-response", "", ""),
    ("connection-refused", "reset", "reset"),
    ("certificate-expired", "reset", "reset"),
    ("certificate-of-other-name", "reset", "reset"),
    ("certificate-of-unknown-ca", "reset", "reset"),
    ("livemode-mismatch", "400 livemode_mismatch", "400 livemode_mismatch"),
    ("configuration-missing", "", "400 resource_missing configuration"),
    ("configuration-inactive", "", "400 configuration"),
    ("no-configuration", "", "400"),
    ("flow-subscription-missing", "", "400 resource_missing flow_data[subscription_cancel][subscription]"),
    ("flow-not-found", "", "404 resource_missing flow_data[subscription_cancel][subscription]"),
    ("flow-disabled", "", "400 flow_data[type]"),
    ("return-url-invalid", "", "400 url_invalid return_url"),
    ("locale-invalid", "", "400 locale"),
    ("parameter-unknown", "400 parameter_unknown unheard_of", "400 parameter_unknown unheard_of"),
    ("status-401", "401 api_key_expired", "401 api_key_expired"),
    ("status-402", "402 card_declined", "402 card_declined"),
    ("status-403", "403", "403"),
    ("status-404", "404", "404"),
    ("status-409", "409 idempotency_key_in_use", "409 idempotency_key_in_use"),
    ("lock-timeout", "429 lock_timeout", "429 lock_timeout"),
    ("rate-limit", "429 rate_limit", "429 rate_limit"),
    ("status-429", "429 not JSON", "429 not JSON"),
    ("status-500", "500", "500"),
    ("status-502", "502 html", "502 html"),
    ("status-503", "503", "503"),
    ("status-504", "504 html", "504 html"),
];

#[tokio::test]
async fn each_fault_has_its_documented_effect() {
    let tested: BTreeSet<&str> = TABLE.iter().map(|(name, ..)| *name).collect();
    // `delivery` tests the fault that depends on the connection, and the one whose body does not end.
    let elsewhere = [Fault::ResetReused, Fault::HangInBody];
    let all = Fault::ALL.iter().filter(|fault| !elsewhere.contains(fault));
    let all: BTreeSet<&str> = all.map(|fault| fault.name()).collect();
    assert_eq!(tested, all);
    let caller = Caller::new(PROTOCOLS[0]).await;
    let unchanged = [caller.read("cus_A").await, caller.open("cus_A").await];
    for (name, read, opened) in TABLE {
        // The fault is the customer's own, so that an outage ends automatically.
        let mut customer = crate::Customer::new("cus_A").name("Ann").metadata("tenant_id", "acme");
        customer = customer.fault(name.parse::<Fault>().unwrap());
        for (index, expected) in [read, opened].into_iter().enumerate() {
            caller.stripe.add_customer(customer.clone());
            let limit = Duration::from_millis(if *expected == "hangs" { 50 } else { 10_000 });
            let seen = send(&caller, if index == 0 { "GET" } else { "POST" }, limit).await;
            let seen = seen.map_or("hangs".to_owned(), |seen| describe(&caller, &unchanged[index], &seen));
            assert_eq!(&seen, expected, "{name}");
            caller.stripe.clear_faults();
        }
    }
}

/// Sends a request. Returns `None` if the time limit elapses before a response.
async fn send(caller: &Caller, method: &str, limit: Duration) -> Option<Outcome> {
    let (path, body) = match method {
        "GET" => ("/v1/customers/cus_A", ""),
        _ => (super::SESSIONS, "customer=cus_A&return_url=https://app.test/"),
    };
    let first = caller.send(method, path, body.to_owned(), 1);
    let first = timeout(limit, first).await.ok()?;
    // A dripping body does not end.
    let drips = matches!(&first, Outcome::Response { body, .. } if body == b" ");
    if drips || matches!(first, Outcome::Failed(_)) {
        return Some(first);
    }
    Some(caller.send(method, path, body.to_owned(), usize::MAX).await)
}

fn describe(caller: &Caller, unchanged: &Outcome, seen: &Outcome) -> String {
    let (status, headers, body, end) = match seen {
        Outcome::Response { status, headers, body, end } => (status, headers, body, end),
        Outcome::Failed(error) if error.contains("ConnectionReset") => return "reset".to_owned(),
        Outcome::Failed(error) => return error.clone(),
    };
    match end {
        End::Broken(_) => return "reset in the body".to_owned(),
        End::Unread => return "drips".to_owned(),
        End::Whole => {}
    }
    if let Some(location) = headers.get("location") {
        return format!("{status} to {}", location.to_str().unwrap());
    }
    if headers["content-type"] == "text/html" {
        return format!("{status} html");
    }
    let Ok(json) = serde_json::from_slice::<Value>(body) else { return format!("{status} not JSON") };
    if *status != 200 {
        let text = |name: &str| json["error"][name].as_str().map_or(String::new(), |text| format!(" {text}"));
        return format!("{status}{}{}", text("code"), text("param"));
    }
    if body.len() > 64 * 1024 {
        return format!("{} bytes", body.len());
    }
    let Outcome::Response { body: unchanged, .. } = unchanged else { panic!("{unchanged:?}") };
    let mut changes = differences(caller, &serde_json::from_slice(unchanged).unwrap(), &json);
    changes.extend(headers.contains_key("idempotent-replayed").then(|| "idempotent-replayed".to_owned()));
    changes.join(" ")
}

/// Lists the members that differ from the unchanged response, except those that differ in every response.
fn differences(caller: &Caller, unchanged: &Value, seen: &Value) -> Vec<String> {
    if seen["deleted"] == true {
        return vec!["deleted".to_owned()];
    }
    let (unchanged, seen) = (unchanged.as_object().unwrap(), seen.as_object().unwrap());
    let names: BTreeSet<&String> = unchanged.keys().chain(seen.keys()).collect();
    let mut differences = Vec::new();
    for name in names {
        let (before, now) = (unchanged.get(name), seen.get(name));
        match now {
            Some(Value::String(id)) if name == "id" && id.starts_with("bps_1") => {}
            Some(Value::String(url)) if name == "url" => {
                let url = without_random_parts(caller, url);
                differences.extend((url != "http://127.0.0.1:PORT/p/session/SECRET").then(|| format!("url={url}")));
            }
            _ if before == now || name == "created" => {}
            Some(flow) if name == "flow" => {
                assert_eq!(flow["type"], "payment_method_update");
                differences.push("flow".to_owned());
            }
            Some(now) => differences.push(format!("{name}={now}")),
            None => differences.push(name.clone()),
        }
    }
    differences
}

/// Replaces the random parts of a session URL.
fn without_random_parts(caller: &Caller, url: &str) -> String {
    let port: u16 = caller.stripe.base_url().rsplit_once(':').unwrap().1.parse().unwrap();
    let url = url.replace(&format!(":{port}"), ":PORT").replace(&format!(":{}", port ^ 1), ":OTHER");
    url.rsplit_once('/').map_or(String::new(), |(path, _)| format!("{path}/SECRET"))
}
