//! The hosted page that a session's URL opens. It names the customer, so that a person, or a test, sees whose it is.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};

use crate::{Shared, model::Mode};

#[derive(Template)]
#[template(path = "portal.html")]
struct Page {
    name: String,
    customer: String,
    mode: &'static str,
    task: &'static str,
    return_url: Option<String>,
    return_host: String,
}

#[derive(Template)]
#[template(path = "gone.html")]
struct Gone;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/p/session/{secret}", get(show))
}

async fn show(State(shared): State<Arc<Shared>>, Path(secret): Path<String>) -> Response {
    let page = {
        let state = shared.state();
        state.sessions.get(&secret).map(|session| {
            let customer = state.customers.get(&(session.mode, session.customer.clone()));
            Page {
                name: customer.and_then(|customer| customer.name.clone()).unwrap_or_else(|| session.customer.clone()),
                customer: session.customer.clone(),
                mode: if session.mode == Mode::Test { "Test mode" } else { "Live mode" },
                task: task(session.flow.as_deref()),
                return_host: host(session.return_url.as_deref()),
                return_url: session.return_url.clone(),
            }
        })
    };
    let (status, html) = match page {
        Some(page) => (StatusCode::OK, page.render()),
        None => (StatusCode::NOT_FOUND, Gone.render()),
    };
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::REFERRER_POLICY, "no-referrer")];
    match html {
        Ok(html) => (status, headers, Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What the person came to do, in words.
fn task(flow: Option<&str>) -> &'static str {
    match flow {
        Some("payment_method_update") => "Update your payment method",
        Some("customer_update") => "Update your billing details",
        Some("subscription_cancel") => "Cancel your subscription",
        Some("subscription_update") => "Change your subscription",
        Some("subscription_update_confirm") => "Confirm the change of your subscription",
        _ => "Manage your billing",
    }
}

fn host(return_url: Option<&str>) -> String {
    let host = return_url.and_then(|text| url::Url::parse(text).ok()).and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_default()
}
