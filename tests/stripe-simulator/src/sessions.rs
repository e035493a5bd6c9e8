//! `POST /v1/billing_portal/sessions`: <https://docs.stripe.com/api/customer_portal/sessions/create>.

use serde_json::{Value, json};
use url::Url;

use crate::{
    customers::elsewhere,
    error::Error,
    flows,
    form::Form,
    model::{Configuration, Mode, Session},
    state::{State, now, random},
};

/// Every parameter of version 2026-09-30.endive.
pub(crate) const KNOWN: &[&str] = &[
    "configuration",
    "customer",
    "customer_account",
    "expand[]",
    "flow_data[type]",
    "flow_data[after_completion][type]",
    "flow_data[after_completion][redirect][return_url]",
    "flow_data[after_completion][hosted_confirmation][custom_message]",
    "flow_data[subscription_cancel][subscription]",
    "flow_data[subscription_cancel][retention][type]",
    "flow_data[subscription_cancel][retention][coupon_offer][coupon]",
    "flow_data[subscription_update][subscription]",
    "flow_data[subscription_update_confirm][subscription]",
    "flow_data[subscription_update_confirm][items][][id]",
    "flow_data[subscription_update_confirm][items][][price]",
    "flow_data[subscription_update_confirm][items][][quantity]",
    "flow_data[subscription_update_confirm][discounts][][coupon]",
    "flow_data[subscription_update_confirm][discounts][][promotion_code]",
    "locale",
    "on_behalf_of",
    "return_url",
];

const LOCALES: [&str; 47] = [
    "auto", "bg", "cs", "da", "de", "el", "en", "en-AU", "en-CA", "en-GB", "en-IE", "en-IN", "en-NZ", "en-SG", "es",
    "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl",
    "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];

pub(crate) fn create(state: &mut State, mode: Mode, form: &Form) -> Result<Value, Error> {
    let customer = form.required("customer")?;
    let return_url = form.get("return_url").map(|text| http_url(text, "return_url", mode)).transpose()?;
    let locale = form.get("locale").filter(|locale| !locale.is_empty());
    if locale.is_some_and(|locale| !LOCALES.contains(&locale)) {
        return Err(
            Error::invalid(400, format!("Invalid locale: must be one of {}", LOCALES.join(", "))).param("locale")
        );
    }
    if form.has("on_behalf_of") || form.has("customer_account") {
        let param = if form.has("on_behalf_of") { "on_behalf_of" } else { "customer_account" };
        return Err(Error::invalid(400, "This account is not set up for Connect.").param(param));
    }
    let flow = flows::shape(form, mode)?;
    let found = state.customers.get(&(mode, customer.to_owned()));
    if found.is_none_or(|found| found.deleted) {
        let elsewhere = elsewhere(state, mode, customer).filter(|_| found.is_none());
        return Err(Error::missing(400, "customer", customer, "customer", elsewhere));
    }
    let configuration = configuration(state, mode, form.get("configuration"))?;
    if let Some(flow) = &flow {
        flow.check(state, mode, customer, configuration)?;
    }
    let configuration = configuration.id.clone();
    let secret = format!("{}_{}{}", mode.as_str(), random(), random());
    let url = format!("{}/p/session/{secret}", state.base_url);
    let session = Session {
        customer: customer.to_owned(),
        mode,
        return_url: return_url.map(str::to_owned),
        flow: flow.as_ref().map(|flow| flow.kind.to_owned()),
    };
    state.sessions.insert(secret, session);
    Ok(json!({
        "id": format!("bps_1{}", random()),
        "object": "billing_portal.session",
        "configuration": configuration,
        "created": now(),
        "customer": customer,
        "customer_account": null,
        "flow": flow.map(|flow| flow.object()),
        "livemode": mode == Mode::Live,
        "locale": locale,
        "on_behalf_of": null,
        "return_url": return_url,
        "url": url,
    }))
}

/// An absolute http or https URL; live mode demands https.
pub(crate) fn http_url<'a>(text: &'a str, param: &str, mode: Mode) -> Result<&'a str, Error> {
    if text.is_empty() {
        return Err(Error::parameter_empty(param));
    }
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match url {
        None => Err(Error::invalid(400, "Not a valid URL").code("url_invalid").param(param)),
        Some(url) if mode == Mode::Live && url.scheme() != "https" => {
            Err(Error::invalid(400, "Livemode requests must always be redirected via HTTPS.")
                .code("url_invalid")
                .param(param))
        }
        Some(_) => Ok(text),
    }
}

fn configuration<'a>(state: &'a State, mode: Mode, asked: Option<&str>) -> Result<&'a Configuration, Error> {
    let Some(id) = asked else {
        return state.configurations.values().find(|one| one.mode == mode && one.is_default && one.active).ok_or_else(|| {
            let (name, path) = (mode.as_str(), if mode == Mode::Test { "test/" } else { "" });
            Error::invalid(400, format!(
                "No configuration provided and your {name} mode default configuration has not been created. Provide a configuration or create your default by saving your customer portal settings in {name} mode at https://dashboard.stripe.com/{path}settings/billing/portal."
            ))
            .while_executing()
        });
    };
    match state.configurations.get(&(mode, id.to_owned())) {
        None => Err(Error::missing(400, "configuration", id, "configuration", None)),
        Some(found) if !found.active => {
            let message = "The configuration is inactive. Provide an active configuration.";
            Err(Error::invalid(400, message).param("configuration").while_executing())
        }
        Some(found) => Ok(found),
    }
}
