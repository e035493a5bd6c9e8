//! The page: server-rendered, without a line of JavaScript.

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

/// What every request may need.
pub(crate) struct App {
    /// The page's own origin, as browsers print it.
    pub(crate) origin: String,
    content_security_policy: HeaderValue,
    pub(crate) sessions: Sessions,
    pub(crate) billing: Billing,
}

impl App {
    /// Browsers apply `form-action` to redirects as well, so the portal's origin has to stand there.
    pub(crate) fn new(origin: String, portal_origin: &str, billing: Billing) -> Result<Arc<Self>> {
        let policy = format!(
            "default-src 'none'; style-src 'self'; form-action 'self' {portal_origin}; frame-ancestors 'none'; base-uri 'none'"
        );
        let content_security_policy = policy.try_into().context("the portal's origin makes no header")?;
        Ok(Arc::new(Self { origin, content_security_policy, sessions: Sessions::default(), billing }))
    }
}

/// Every path.
pub(crate) fn router(app: Arc<App>) -> Router {
    let to_settings = || async { Redirect::to("/settings") };
    Router::new()
        .route("/", get(to_settings))
        .route("/settings", get(settings::show))
        // A reload of a refused page, typed by hand, is a GET.
        .route("/settings/billing", get(to_settings).post(billing::action::open))
        .route("/sign-in", get(session::choose).post(session::sign_in))
        .route("/sign-out", post(session::sign_out))
        .route("/style.css", get(stylesheet))
        .fallback(|| async { message(StatusCode::NOT_FOUND, "Page not found", "There is nothing at this address.") })
        // Before any handler, so that none can forget it.
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::refuse_other_sites))
        // Outermost, so that refusals carry the headers too.
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::add_headers))
        .with_state(app)
}

async fn stylesheet() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../style.css"))
}

/// A request that is answered with a small page of its own.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The form is not one of this session's.
    Forged,
    /// A defect; its cause goes to the log.
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
                "It belongs to an earlier sign-in, or to another site. Nothing was changed.",
            ),
            Self::Internal(error) => {
                tracing::error!(cause = format!("{error:#}"), "a page can't be answered");
                message(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", "Nothing was changed.")
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
