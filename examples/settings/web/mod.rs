//! The page, rendered on the server, without JavaScript.

mod guard;
pub(crate) mod session;
pub(crate) mod settings;

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
            "default-src 'none'; style-src 'self'; form-action 'self' {portal_origin}; frame-ancestors 'none'; base-uri 'none'"
        );
        let content_security_policy = policy.try_into().context("the portal's origin is not a valid header value")?;
        Ok(Arc::new(Self { origin, content_security_policy, sessions: Sessions::default(), billing }))
    }
}

/// Returns the routes of the page.
pub(crate) fn router(app: Arc<App>) -> Router {
    let to_settings = || async { Redirect::to("/settings") };
    Router::new()
        .route("/", get(to_settings))
        .route("/settings", get(settings::show))
        // After a refusal, the address bar shows this path. Loading it again sends a GET.
        .route("/settings/billing", get(to_settings).post(billing::action::open))
        .route("/sign-in", get(session::choose).post(session::sign_in))
        .route("/sign-out", post(session::sign_out))
        .route("/style.css", get(stylesheet))
        .fallback(|| async { message(StatusCode::NOT_FOUND, "Page not found", "This page does not exist.") })
        // A layer, so that no handler can omit the check.
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::refuse_other_sites))
        // Outermost, so that refusals also have the headers.
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::add_headers))
        .with_state(app)
}

async fn stylesheet() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../style.css"))
}

/// A failed request. The response is a message page.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The form does not belong to this session.
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
                "This page is out of date",
                "Your request came from an earlier sign-in or from another site, so nothing was changed. Please try again.",
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
