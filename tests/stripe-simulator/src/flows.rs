//! Deep links into the portal: <https://docs.stripe.com/customer-management/portal-deep-links>.

use serde_json::{Value, json};

use crate::{
    error::Error,
    form::{Form, integer},
    model::{Configuration, Feature, Item, Mode, Subscription},
    sessions::http_url,
    state::{State, other_mode_with},
};

const KINDS: [&str; 5] = [
    "customer_update",
    "payment_method_update",
    "subscription_cancel",
    "subscription_update",
    "subscription_update_confirm",
];

const ITEMS: &str = "flow_data[subscription_update_confirm][items]";

/// A flow with well-formed parameters.
#[derive(Debug)]
pub(crate) struct FlowData {
    pub(crate) kind: &'static str,
    pub(crate) subscription: Option<String>,
    pub(crate) item: Option<Item>,
    after_completion: Value,
    /// Coupons and promotion codes: parameter, kind of object, ID.
    coupons: Vec<(String, &'static str, String)>,
}

/// Parses `flow_data`. Returns `None` if it is absent.
pub(crate) fn parse(form: &Form, mode: Mode) -> Result<Option<FlowData>, Error> {
    if !form.has("flow_data") {
        return Ok(None);
    }
    let kind = choice(form, "flow_data", &KINDS)?;
    let subscription = kind
        .starts_with("subscription")
        .then(|| form.required(&format!("flow_data[{kind}][subscription]")).map(str::to_owned))
        .transpose()?;
    let item = (kind == "subscription_update_confirm").then(|| item(form)).transpose()?;
    let mut coupons = discounts(form)?;
    coupons.extend(retention(form)?);
    Ok(Some(FlowData { kind, subscription, item, after_completion: after_completion(form, mode)?, coupons }))
}

/// Parses the `type` of an object, in which only the member with the name of the type is allowed.
fn choice(form: &Form, name: &str, kinds: &[&'static str]) -> Result<&'static str, Error> {
    let param = format!("{name}[type]");
    let requested = form.required(&param)?;
    let kind = kinds.iter().find(|kind| **kind == requested).ok_or_else(|| Error::one_of(&param, kinds))?;
    for other in kinds.iter().filter(|other| *other != kind) {
        let member = format!("{name}[{other}]");
        if form.has(&member) {
            let message = format!("You may only specify `{member}` when `{param}` is `{other}`.");
            return Err(Error::invalid(400, message).param(&member));
        }
    }
    Ok(kind)
}

fn after_completion(form: &Form, mode: Mode) -> Result<Value, Error> {
    const NAME: &str = "flow_data[after_completion]";
    if !form.has(NAME) {
        return Ok(json!({"hosted_confirmation": null, "redirect": null, "type": "portal_homepage"}));
    }
    let kind = choice(form, NAME, &["hosted_confirmation", "portal_homepage", "redirect"])?;
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
    if form.len(ITEMS) != 1 {
        return Err(Error::invalid(400, "Exactly one item must be specified.").param(ITEMS));
    }
    let id = form.required(&format!("{ITEMS}[0][id]"))?.to_owned();
    let price = form.optional(&format!("{ITEMS}[0][price]"))?.map(str::to_owned);
    let param = format!("{ITEMS}[0][quantity]");
    let quantity = form.optional(&param)?.map(|text| integer(text, &param)).transpose()?;
    Ok(Item { id, price, quantity })
}

fn retention(form: &Form) -> Result<Option<(String, &'static str, String)>, Error> {
    const NAME: &str = "flow_data[subscription_cancel][retention]";
    if !form.has(NAME) {
        return Ok(None);
    }
    choice(form, NAME, &["coupon_offer"])?;
    let param = format!("{NAME}[coupon_offer][coupon]");
    let coupon = form.required(&param)?.to_owned();
    Ok(Some((param, "coupon", coupon)))
}

fn discounts(form: &Form) -> Result<Vec<(String, &'static str, String)>, Error> {
    const NAME: &str = "flow_data[subscription_update_confirm][discounts]";
    let mut discounts = Vec::new();
    for index in 0..form.len(NAME) {
        let member = |name: &str| format!("{NAME}[{index}][{name}]");
        let (coupon, code) = (member("coupon"), member("promotion_code"));
        discounts.push(match (form.optional(&coupon)?, form.optional(&code)?) {
            (Some(id), None) => (coupon, "coupon", id.to_owned()),
            (None, Some(id)) => (code, "promotion code", id.to_owned()),
            (Some(_), Some(_)) | (None, None) => {
                let message = "You may only specify one of these parameters: coupon, promotion_code.";
                return Err(Error::invalid(400, message).param(&format!("{NAME}[{index}]")));
            }
        });
    }
    Ok(discounts)
}

impl FlowData {
    /// Checks the flow against the account: the owner of the subscription, and the changes that the configuration allows.
    pub(crate) fn check(
        &self,
        state: &State,
        mode: Mode,
        customer: &str,
        configuration: &Configuration,
    ) -> Result<(), Error> {
        self.check_feature(configuration)?;
        if let Some(id) = &self.subscription {
            let found = state.subscriptions.get(&(mode, id.clone()));
            let Some(subscription) = found.filter(|found| found.customer == customer) else {
                let param = format!("flow_data[{}][subscription]", self.kind);
                let other_mode = other_mode_with(&state.subscriptions, mode, id).filter(|_| found.is_none());
                return Err(Error::missing(400, "subscription", id, &param, other_mode));
            };
            self.check_change(subscription, configuration)?;
        }
        // The simulated account has no coupons.
        match self.coupons.first() {
            Some((param, kind, id)) => Err(Error::missing(400, kind, id, param, None)),
            None => Ok(()),
        }
    }

    fn check_feature(&self, configuration: &Configuration) -> Result<(), Error> {
        let (feature, name) = match self.kind {
            "customer_update" => (Feature::CustomerUpdate, "customer update"),
            "payment_method_update" => (Feature::PaymentMethodUpdate, "payment method update"),
            "subscription_cancel" => (Feature::SubscriptionCancel, "subscription cancel"),
            _ => (Feature::SubscriptionUpdate, "subscription update"),
        };
        if !configuration.disabled.contains(&feature) {
            return Ok(());
        }
        let what = if self.subscription.is_some() { "subscription" } else { "customer" };
        let verb = if feature == Feature::SubscriptionCancel { "canceled" } else { "updated" };
        let message =
            format!("This {what} cannot be {verb} because the {name} feature in the portal configuration is disabled.");
        Err(Error::invalid(400, message).param("flow_data[type]").while_executing())
    }

    fn check_change(&self, subscription: &Subscription, configuration: &Configuration) -> Result<(), Error> {
        if self.kind != "subscription_cancel" && subscription.items.len() > 1 {
            let message = format!("The subscription `{}` has multiple items and cannot be updated.", subscription.id);
            let param = format!("flow_data[{}][subscription]", self.kind);
            return Err(Error::invalid(400, message).param(&param).while_executing());
        }
        let Some(item) = &self.item else { return Ok(()) };
        if !subscription.items.iter().any(|other| other.id == item.id) {
            return Err(Error::missing(400, "subscription item", &item.id, &format!("{ITEMS}[0][id]"), None));
        }
        match item.price.as_ref().filter(|price| !configuration.prices.contains(*price)) {
            None => Ok(()),
            Some(price) => Err(Error::invalid(400, format!(
                "The price `{price}` is not in the portal configuration's `features[subscription_update][products]`."
            ))
            .param(&format!("{ITEMS}[0][price]"))
            .while_executing()),
        }
    }

    /// Returns where the page redirects when the flow is done; `None` if it then shows a page of Stripe.
    pub(crate) fn completed_url(&self) -> Option<&str> {
        self.after_completion.pointer("/redirect/return_url")?.as_str()
    }

    /// Returns the `flow` member of the session.
    pub(crate) fn object(&self) -> Value {
        let mut flow = json!({
            "after_completion": self.after_completion,
            "customer_update": null,
            "subscription_cancel": null,
            "subscription_update": null,
            "subscription_update_confirm": null,
            "type": self.kind,
        });
        let items: Vec<_> = self.item.iter().map(Item::object).collect();
        let details = match self.kind {
            "customer_update" => json!({}),
            "subscription_cancel" => json!({"retention": null, "subscription": self.subscription}),
            "subscription_update" => json!({"subscription": self.subscription}),
            "subscription_update_confirm" => {
                json!({"discounts": null, "items": items, "subscription": self.subscription})
            }
            _ => return flow,
        };
        if let Some(member) = flow.get_mut(self.kind) {
            *member = details;
        }
        flow
    }
}

impl Item {
    fn object(&self) -> Value {
        let mut object = json!({"id": self.id, "price": self.price});
        // The only member of a flow that Stripe omits instead of setting it to null.
        if let (Some(object), Some(quantity)) = (object.as_object_mut(), self.quantity) {
            object.insert("quantity".to_owned(), quantity.into());
        }
        object
    }
}
