//! The hosted page that a session URL opens. It shows the customer, so that people and tests can see whose portal it is.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State as Extract},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};

use crate::{
    Shared,
    model::{Item, Mode, Session},
    state::State,
};

/// Allows only inline styles: the page has no scripts and must not be framed.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "portal.html")]
struct Page {
    name: String,
    customer: String,
    mode: &'static str,
    task: &'static str,
    /// The requested language and the details of the flow, as pairs of label and text.
    facts: Vec<(&'static str, String)>,
    return_url: Option<String>,
    return_host: String,
    /// Where a person who finishes the flow is redirected.
    completed_url: Option<String>,
}

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFound;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/p/session/{secret}", get(show))
}

async fn show(Extract(shared): Extract<Arc<Shared>>, Path(secret): Path<String>) -> Response {
    let page = {
        let state = shared.state();
        state.sessions.get(&secret).map(|session| page(&state, session))
    };
    let (status, html) = match page {
        Some(page) => (StatusCode::OK, page.render()),
        None => (StatusCode::NOT_FOUND, NotFound.render()),
    };
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    match html {
        Ok(html) => (status, headers, Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn page(state: &State, session: &Session) -> Page {
    let customer = state.customers.get(&(session.mode, session.customer.clone()));
    Page {
        name: customer.and_then(|customer| customer.name.clone()).unwrap_or_else(|| session.customer.clone()),
        customer: session.customer.clone(),
        mode: if session.mode == Mode::Test { "Test mode" } else { "Live mode" },
        task: task(session.flow.as_ref().map(|flow| flow.kind)),
        facts: facts(state, session),
        return_host: host(session.return_url.as_deref()),
        return_url: session.return_url.clone(),
        completed_url: session.flow.as_ref().and_then(|flow| flow.completed_url().map(str::to_owned)),
    }
}

/// Returns the heading of the page.
fn task(flow: Option<&str>) -> &'static str {
    match flow {
        Some("payment_method_update") => "Update your payment method",
        Some("customer_update") => "Update your billing details",
        Some("subscription_cancel") => "Cancel your subscription",
        Some("subscription_update") => "Change your subscription",
        Some("subscription_update_confirm") => "Confirm your subscription change",
        _ => "Manage your billing",
    }
}

fn facts(state: &State, session: &Session) -> Vec<(&'static str, String)> {
    let mut facts: Vec<_> = session.locale.iter().map(|locale| ("Language", locale.clone())).collect();
    let Some(flow) = &session.flow else { return facts };
    let Some(id) = &flow.subscription else { return facts };
    facts.push(("Subscription", id.clone()));
    let items = state.subscriptions.get(&(session.mode, id.clone())).map_or(&[][..], |found| found.items.as_slice());
    facts.extend(items.iter().map(|item| ("Now", terms(item))));
    facts.extend(flow.item.iter().map(|item| ("After the change", terms(item))));
    facts
}

/// Describes a price and a quantity. `None` means that a change keeps the value.
fn terms(item: &Item) -> String {
    match (&item.price, item.quantity) {
        (Some(price), Some(quantity)) => format!("{price} × {quantity}"),
        (Some(price), None) => price.clone(),
        (None, Some(quantity)) => format!("quantity {quantity}"),
        (None, None) => "unchanged".to_owned(),
    }
}

fn host(return_url: Option<&str>) -> String {
    let host = return_url.and_then(|text| url::Url::parse(text).ok()).and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_default()
}
