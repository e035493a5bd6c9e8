//! Deep links into the portal: <https://docs.stripe.com/customer-management/portal-deep-links>.

use serde_json::{Value, json};

use crate::{
    error::Error,
    form::Form,
    model::{Configuration, Mode},
    sessions::http_url,
    state::State,
};

const KINDS: [&str; 5] = [
    "customer_update",
    "payment_method_update",
    "subscription_cancel",
    "subscription_update",
    "subscription_update_confirm",
];

/// A flow whose parameters are well formed.
pub(crate) struct FlowData {
    pub(crate) kind: &'static str,
    after_completion: Value,
    subscription: Option<String>,
    item: Option<Item>,
    retention: Value,
    discounts: Value,
}

struct Item {
    id: String,
    price: Option<String>,
    quantity: Option<u64>,
}

/// Reads `flow_data`; none when nothing of it is there.
pub(crate) fn shape(form: &Form, mode: Mode) -> Result<Option<FlowData>, Error> {
    if !form.has("flow_data") {
        return Ok(None);
    }
    let asked = form.required("flow_data[type]")?;
    let kind = KINDS.into_iter().find(|kind| *kind == asked).ok_or_else(|| one_of("flow_data[type]", &KINDS))?;
    for other in KINDS.into_iter().filter(|other| *other != kind) {
        let name = format!("flow_data[{other}]");
        if form.has(&name) {
            return Err(Error::invalid(
                400,
                format!("You may only specify `{name}` when `flow_data[type]` is `{other}`."),
            )
            .param(&name));
        }
    }
    let subscription = kind
        .starts_with("subscription")
        .then(|| form.required(&format!("flow_data[{kind}][subscription]")).map(str::to_owned))
        .transpose()?;
    Ok(Some(FlowData {
        kind,
        after_completion: after_completion(form, mode)?,
        subscription,
        item: if kind == "subscription_update_confirm" { Some(item(form)?) } else { None },
        retention: retention(form)?,
        discounts: discounts(form),
    }))
}

fn after_completion(form: &Form, mode: Mode) -> Result<Value, Error> {
    const NAME: &str = "flow_data[after_completion]";
    if !form.has(NAME) {
        return Ok(json!({"hosted_confirmation": null, "redirect": null, "type": "portal_homepage"}));
    }
    let param = format!("{NAME}[type]");
    let kinds = ["hosted_confirmation", "portal_homepage", "redirect"];
    let kind = form.required(&param)?;
    if !kinds.contains(&kind) {
        return Err(one_of(&param, &kinds));
    }
    for other in ["hosted_confirmation", "redirect"] {
        let name = format!("{NAME}[{other}]");
        if kind != other && form.has(&name) {
            return Err(
                Error::invalid(400, format!("You may only specify `{name}` when `{param}` is `{other}`.")).param(&name)
            );
        }
    }
    let redirect = if kind == "redirect" {
        let param = format!("{NAME}[redirect][return_url]");
        json!({"return_url": http_url(form.required(&param)?, &param, mode)?})
    } else {
        Value::Null
    };
    let message = form.get("flow_data[after_completion][hosted_confirmation][custom_message]");
    let confirmation = if kind == "hosted_confirmation" { json!({"custom_message": message}) } else { Value::Null };
    Ok(json!({"hosted_confirmation": confirmation, "redirect": redirect, "type": kind}))
}

fn item(form: &Form) -> Result<Item, Error> {
    const NAME: &str = "flow_data[subscription_update_confirm][items]";
    if form.len(NAME) != 1 {
        return Err(Error::invalid(400, "Exactly one item must be specified.").param(NAME));
    }
    let id = form.required(&format!("{NAME}[0][id]"))?.to_owned();
    let price = form.get(&format!("{NAME}[0][price]")).map(str::to_owned);
    let param = format!("{NAME}[0][quantity]");
    let quantity = form
        .get(&param)
        .map(|text| {
            text.parse::<u64>().map_err(|_| {
                Error::invalid(400, format!("Invalid integer: {text}")).code("parameter_invalid_integer").param(&param)
            })
        })
        .transpose()?;
    Ok(Item { id, price, quantity })
}

fn retention(form: &Form) -> Result<Value, Error> {
    const NAME: &str = "flow_data[subscription_cancel][retention]";
    if !form.has(NAME) {
        return Ok(Value::Null);
    }
    if form.required(&format!("{NAME}[type]"))? != "coupon_offer" {
        return Err(one_of(&format!("{NAME}[type]"), &["coupon_offer"]));
    }
    Ok(
        json!({"coupon_offer": {"coupon": form.required(&format!("{NAME}[coupon_offer][coupon]"))?}, "type": "coupon_offer"}),
    )
}

fn discounts(form: &Form) -> Value {
    const NAME: &str = "flow_data[subscription_update_confirm][discounts]";
    let discounts: Vec<Value> = (0..form.len(NAME))
        .map(|at| json!({"coupon": form.get(&format!("{NAME}[{at}][coupon]")), "promotion_code": form.get(&format!("{NAME}[{at}][promotion_code]"))}))
        .collect();
    if discounts.is_empty() { Value::Null } else { discounts.into() }
}

impl FlowData {
    /// What only the account can tell: whose the subscription is, and what the configuration lets it change to.
    pub(crate) fn check(
        &self,
        state: &State,
        mode: Mode,
        customer: &str,
        configuration: &Configuration,
    ) -> Result<(), Error> {
        let Some(id) = &self.subscription else { return Ok(()) };
        let param = format!("flow_data[{}][subscription]", self.kind);
        let subscription = state.subscriptions.get(&(mode, id.clone())).filter(|found| found.customer == customer);
        let Some(subscription) = subscription else {
            return Err(Error::missing(400, "subscription", id, &param, None));
        };
        let Some(item) = &self.item else { return Ok(()) };
        if !subscription.items.contains(&item.id) {
            let param = "flow_data[subscription_update_confirm][items][0][id]";
            return Err(Error::missing(400, "subscription item", &item.id, param, None));
        }
        if let Some(price) = item.price.as_ref().filter(|price| !configuration.prices.contains(price)) {
            let message = format!(
                "The price `{price}` is not in the portal configuration's `features[subscription_update][products]`."
            );
            return Err(Error::invalid(400, message)
                .param("flow_data[subscription_update_confirm][items][0][price]")
                .while_executing());
        }
        Ok(())
    }

    /// The member `flow` of the session.
    pub(crate) fn object(&self) -> Value {
        let mut flow = json!({
            "after_completion": self.after_completion,
            "subscription_cancel": null,
            "subscription_update": null,
            "subscription_update_confirm": null,
            "type": self.kind,
        });
        let details = match (self.kind, &self.subscription, &self.item) {
            ("subscription_cancel", Some(id), _) => json!({"retention": self.retention, "subscription": id}),
            ("subscription_update", Some(id), _) => json!({"subscription": id}),
            ("subscription_update_confirm", Some(id), Some(item)) => json!({
                "discounts": self.discounts,
                "items": [{"id": item.id, "price": item.price, "quantity": item.quantity}],
                "subscription": id,
            }),
            _ => return flow,
        };
        if let Some(member) = flow.get_mut(self.kind) {
            *member = details;
        }
        flow
    }
}

fn one_of(param: &str, allowed: &[&str]) -> Error {
    Error::invalid(400, format!("Invalid {param}: must be one of {}", allowed.join(", "))).param(param)
}
