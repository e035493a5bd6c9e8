//! `POST /v1/billing_portal/sessions`: <https://docs.stripe.com/api/customer_portal/sessions/create>.

use serde_json::{Value, json};
use url::Url;

use crate::{
    configurations,
    error::Error,
    expand,
    flows::{self, FlowData},
    form::Form,
    model::{Cause, Configuration, Event, Mode, Session},
    parameters::LOCALES,
    state::{State, now, other_mode_with, random},
};

/// The parameters of a well-formed request.
struct CreateSession<'a> {
    customer: &'a str,
    return_url: Option<&'a str>,
    configuration: Option<&'a str>,
    locale: Option<&'a str>,
    flow: Option<FlowData>,
    /// Expanded members of the configuration; `None` if the configuration itself is not expanded.
    expanded: Option<Vec<&'a str>>,
}

fn parse(form: &Form, mode: Mode) -> Result<CreateSession<'_>, Error> {
    let customer = form.required("customer")?;
    let return_url = form.get("return_url").map(|text| http_url(text, "return_url", mode)).transpose()?;
    let configuration = form.optional("configuration")?;
    // According to the API reference, an empty locale means `auto`.
    let locale = form.get("locale").filter(|locale| !locale.is_empty());
    if locale.is_some_and(|locale| !LOCALES.contains(&locale)) {
        return Err(Error::one_of("locale", &LOCALES));
    }
    for param in ["on_behalf_of", "customer_account"] {
        if form.has(param) {
            return Err(Error::invalid(400, "This account is not set up for Connect.").param(param));
        }
    }
    let flow = flows::parse(form, mode)?;
    Ok(CreateSession { customer, return_url, configuration, locale, flow, expanded: expanded(form)? })
}

/// Returns the requested members of the configuration, or `None` if only its ID is requested.
fn expanded(form: &Form) -> Result<Option<Vec<&str>>, Error> {
    let nested: Vec<String> = expand::CONFIGURATION.iter().map(|member| format!("configuration.{member}")).collect();
    let expandable: Vec<&str> = nested.iter().map(String::as_str).chain(["configuration"]).collect();
    let requested = expand::requested(form, "", &expandable)?;
    let members = requested.iter().filter_map(|path| path.strip_prefix("configuration.")).collect();
    Ok((!requested.is_empty()).then_some(members))
}

pub(crate) fn create(state: &mut State, mode: Mode, form: &Form, cause: Cause<'_>) -> Result<Value, Error> {
    let CreateSession { customer, return_url, configuration, locale, flow, expanded } = parse(form, mode)?;
    let found = state.customers.get(&(mode, customer.to_owned()));
    if found.is_none_or(|found| found.deleted) {
        let other_mode = other_mode_with(&state.customers, mode, customer).filter(|_| found.is_none());
        return Err(Error::missing(400, "customer", customer, "customer", other_mode));
    }
    let configuration = find_configuration(state, mode, configuration)?;
    if let Some(flow) = &flow {
        flow.check(state, mode, customer, configuration)?;
    }
    let expanded = expanded.map(|members| configurations::object(state, configuration, &members));
    let secret = format!("{}_{}{}", mode.as_str(), random(), random());
    let url = format!("{}/p/session/{secret}", state.portal_origin);
    let mut object = json!({
        "id": format!("bps_1{}", random()),
        "object": "billing_portal.session",
        "configuration": configuration.id,
        "created": now(),
        "customer": customer,
        "customer_account": null,
        "flow": flow.as_ref().map(FlowData::object),
        "livemode": mode == Mode::Live,
        "locale": locale,
        "on_behalf_of": null,
        "return_url": return_url,
        "url": url,
    });
    let (return_url, locale) = (return_url.map(str::to_owned), locale.map(str::to_owned));
    state.add_event(Event::new(mode, "billing_portal.session.created", &object, cause));
    if let (Some(expanded), Some(members)) = (expanded, object.as_object_mut()) {
        members.insert("configuration".to_owned(), expanded);
    }
    state.sessions.insert(secret, Session { customer: customer.to_owned(), mode, return_url, locale, flow });
    Ok(object)
}

/// Checks that a parameter is an absolute http or https URL; live mode requires https.
///
/// The URL parser alone is too lenient: it accepts `https:app` and removes line breaks.
pub(crate) fn http_url<'a>(text: &'a str, param: &str, mode: Mode) -> Result<&'a str, Error> {
    if text.is_empty() {
        return Err(Error::parameter_empty(param));
    }
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    let refused = |message: &str| Err(Error::invalid(400, message).code("url_invalid").param(param));
    let is_strict =
        !rest.starts_with(['/', '\\']) && !text.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    if !is_strict || !matches!(scheme.as_str(), "http" | "https") || Url::parse(text).is_err() {
        return refused("Not a valid URL");
    }
    if mode == Mode::Live && scheme != "https" {
        return refused("Livemode requests must always be redirected via HTTPS.");
    }
    Ok(text)
}

fn find_configuration<'a>(state: &'a State, mode: Mode, id: Option<&str>) -> Result<&'a Configuration, Error> {
    let Some(id) = id else {
        return state.default_configuration(mode).ok_or_else(|| Error::no_configuration(mode));
    };
    match state.configurations.get(&(mode, id.to_owned())) {
        None => {
            let other_mode = other_mode_with(&state.configurations, mode, id);
            Err(Error::missing(400, "configuration", id, "configuration", other_mode))
        }
        Some(found) if !found.active => Err(Error::configuration_inactive()),
        Some(found) => Ok(found),
    }
}
