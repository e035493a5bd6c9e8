//! The pages, rendered on the server. They work without JavaScript; one script shows that the portal is being opened.

mod guard;
pub(crate) mod session;
pub(crate) mod settings;
mod sign_in;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use askama::Template;
use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use url::Url;

use crate::{
    billing::{self, Billing},
    web::session::Sessions,
};

/// The state that the handlers share.
pub(crate) struct App {
    /// The page's origin in normalized form, as browsers send it.
    pub(crate) origin: String,
    content_security_policy: HeaderValue,
    pub(crate) sessions: Sessions,
    pub(crate) billing: Billing,
}

impl App {
    /// Allows the portal's origin in `form-action`, because browsers also apply that directive to redirects.
    pub(crate) fn new(origin: String, portal_origin: &str, billing: Billing) -> Result<Arc<Self>> {
        let policy = format!(
            "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self' {portal_origin}; \
             frame-ancestors 'none'; base-uri 'none'"
        );
        let content_security_policy = policy.try_into().context("the portal's origin is not a valid header value")?;
        let port = Url::parse(&origin)?.port_or_known_default().context("the page's origin has no port")?;
        Ok(Arc::new(Self { origin, content_security_policy, sessions: Sessions::new(port), billing }))
    }
}

/// Returns the routes of the page.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(async || Redirect::to("/settings")))
        .route("/settings", get(settings::profile))
        .route("/settings/billing", get(settings::billing).post(billing::action::open))
        .route("/settings/members", get(settings::members))
        .route("/sign-in", get(sign_in::choose).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/style.css", get(async || asset("text/css; charset=utf-8", include_str!("../style.css"))))
        .route("/billing.js", get(async || asset("text/javascript; charset=utf-8", include_str!("../billing.js"))))
        .method_not_allowed_fallback(async || {
            message(
                StatusCode::METHOD_NOT_ALLOWED,
                "This address is not a page",
                "It only accepts a form of this site.",
            )
        })
        .fallback(async || message(StatusCode::NOT_FOUND, "Page not found", "This page does not exist."))
        // A layer, so that no handler can omit the check.
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::refuse_other_sites))
        // Outermost, so that refusals also have the headers.
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::add_headers))
        .with_state(app)
}

fn asset(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, content_type)], text)
}

/// A failed request. The response is a message page.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The form does not come from a page of this site.
    Forged,
    /// A defect; the cause is logged.
    Internal(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Internal(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Forged => message(
                StatusCode::FORBIDDEN,
                "This request was refused",
                "It did not come from this page, so nothing was changed. Please go to your settings and try again.",
            ),
            Self::Internal(error) => {
                tracing::error!(cause = format!("{error:#}"), "request failed");
                message(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Something went wrong",
                    "There was a problem on our side. Nothing was changed. Please try again in a few minutes.",
                )
            }
        }
    }
}

#[derive(Template)]
#[template(path = "message.html", config = "examples/settings/askama.toml")]
struct MessagePage {
    title: &'static str,
    text: &'static str,
}

fn message(status: StatusCode, title: &'static str, text: &'static str) -> Response {
    match (MessagePage { title, text }).render() {
        Ok(page) => (status, Html(page)).into_response(),
        Err(_) => (status, title).into_response(),
    }
}
