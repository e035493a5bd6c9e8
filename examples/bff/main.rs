//! A settings page with a billing action. The sign-in is a placeholder; the billing code is meant to be copied as is.
//! `examples/settings` has the same billing code inside a complete settings page.
//!
//! Start `cargo run --example settings`. In another terminal, paste the `export` lines that it prints, and run:
//!
//!     cargo run --example bff

#![allow(clippy::print_stdout, reason = "prints its address and the calls that fail")]

mod billing;
mod connection;
mod refusal;
mod token;

use std::{collections::HashMap, env, future::ready, sync::Arc};

use anyhow::{Context as _, Result};
use axum::{
    Form, Router,
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use billing::{Action, Billing, preferred_language};
use serde::Deserialize;
use token::{Issuer, Person};
use tokio::{net::TcpListener, sync::Mutex};

const PEOPLE: [Person; 3] = [
    Person { id: "olivia", tenant: "acme", role: "owner" },
    Person { id: "mia", tenant: "acme", role: "member" },
    Person { id: "gustav", tenant: "globex", role: "owner" },
];

struct App {
    billing: Billing,
    /// The name of the session cookie. It contains the port, because browsers send a cookie to every port of a host. In
    /// production, use `__Host-session` and the attribute `Secure`.
    cookie: String,
    /// The person and the CSRF token, by session id.
    sessions: Mutex<HashMap<String, (&'static Person, String)>>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let origin = setting("PUBLIC_ORIGIN")?;
    let (issuer, audience) = (setting("PRINCIPAL_ISSUER")?, setting("PRINCIPAL_AUDIENCE")?);
    let issuer = Issuer::new(issuer, audience, &setting("PRINCIPAL_KEY_FILE")?, setting("PRINCIPAL_KEY_ID")?)?;
    let channel = connection::channel(&setting("SERVICE")?)?;
    let billing = Billing::new(channel, issuer, format!("{origin}/settings"));
    let headers = headers_of_every_response(&setting("PORTAL_ORIGIN")?)?;

    let address = format!("127.0.0.1:{}", setting("PORT")?);
    let listener = TcpListener::bind(&address).await.with_context(|| format!("cannot listen on {address}"))?;
    let cookie = format!("session_{}", listener.local_addr()?.port());
    let app = Arc::new(App { billing, cookie, sessions: Mutex::default() });
    let routes = Router::new()
        .route("/", get(|| async { Redirect::to("/settings") }))
        .route("/sign-in", get(sign_in))
        .route("/settings", get(settings))
        .route("/settings/billing", post(open))
        .with_state(app)
        .layer(map_response(move |response: Response| ready((headers.clone(), response))));
    println!("Settings page: {origin}/settings");
    axum::serve(listener, routes).await.context("the server stopped unexpectedly")
}

fn setting(name: &str) -> Result<String> {
    env::var(name)
        .ok()
        .with_context(|| format!("{name} is not set; `cargo run --example settings` prints all variables"))
}

/// Forbids scripts, framing and caching, and keeps the URLs out of `Referer`. `form-action` includes the portal's origin,
/// because browsers also apply it to redirects.
fn headers_of_every_response(portal_origin: &str) -> Result<HeaderMap> {
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' {portal_origin}; frame-ancestors 'none'; base-uri 'none'"
    );
    Ok(HeaderMap::from_iter([
        (header::CONTENT_SECURITY_POLICY, policy.parse().context("PORTAL_ORIGIN is not a valid origin")?),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]))
}

async fn sign_in(State(app): State<Arc<App>>, Query(query): Query<HashMap<String, String>>) -> Response {
    let Some(person) = PEOPLE.iter().find(|person| query.get("person").is_some_and(|id| id == person.id)) else {
        return page(StatusCode::BAD_REQUEST, "Sign in", "<p>This user does not exist.</p>");
    };
    let id = uuid::Uuid::new_v4().to_string();
    app.sessions.lock().await.insert(id.clone(), (person, uuid::Uuid::new_v4().to_string()));
    let cookie = format!("{}={id}; HttpOnly; SameSite=Lax; Path=/", app.cookie);
    ([(header::SET_COOKIE, cookie)], Redirect::to("/settings")).into_response()
}

async fn settings(
    State(app): State<Arc<App>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let Some((person, csrf)) = app.session(&headers).await else { return signed_out() };
    let section = match app.billing.section(person).await {
        Some(sentence) => format!("<p>{sentence}</p>"),
        None => format!(
            r#"<form method="post" action="/settings/billing">
              <input type="hidden" name="csrf_token" value="{csrf}">
              <input type="hidden" name="displayed_tenant_id" value="{}">
              <button>Open billing portal</button>
              <button name="action" value="payment_method_update">Update payment method</button>
            </form>"#,
            person.tenant
        ),
    };
    let notice = query.get("billing").and_then(|marker| notice(marker));
    let notice = notice.map(|sentence| format!(r#"<p role="status">{sentence}</p>"#)).unwrap_or_default();
    page(StatusCode::OK, "Settings", &format!("{notice}<h2>Billing</h2>{section}"))
}

/// Returns what to show after a return from the portal. Anyone can open such an address, so nothing else depends on it.
fn notice(marker: &str) -> Option<&'static str> {
    match marker {
        "returned" => Some("You are back from the billing portal."),
        "payment-method-updated" => Some("Your payment method was updated."),
        "payment-method-not-updated" => Some("You returned without updating your payment method."),
        _ => None,
    }
}

#[derive(Deserialize)]
struct OpenForm {
    csrf_token: String,
    displayed_tenant_id: String,
    /// The value of the button that was clicked; the first one has none.
    action: Option<String>,
}

async fn open(State(app): State<Arc<App>>, headers: HeaderMap, Form(form): Form<OpenForm>) -> Response {
    let Some((person, csrf)) = app.session(&headers).await else { return signed_out() };
    if aws_lc_rs::constant_time::verify_slices_are_equal(form.csrf_token.as_bytes(), csrf.as_bytes()).is_err() {
        let text = "<p>This form is out of date. Please go back, reload the page and try again.</p>";
        return page(StatusCode::FORBIDDEN, "Billing was not opened", text);
    }
    let action = match form.action.as_deref() {
        None => Action::Portal,
        Some("payment_method_update") => Action::UpdatePaymentMethod,
        Some(_) => {
            return page(StatusCode::BAD_REQUEST, "Billing was not opened", "<p>This action does not exist.</p>");
        }
    };
    let accept_language = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let locale = preferred_language(accept_language.unwrap_or_default());
    match app.billing.open(person, action, &form.displayed_tenant_id, locale).await {
        // Every response has `Cache-Control: no-store` and `Referrer-Policy: no-referrer`, which keep the URL secret.
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(refusal) => {
            let reference = refusal.request_id.map(|id| format!("<p>Reference for support: <code>{id}</code></p>"));
            let (sentence, reference) = (refusal.sentence, reference.unwrap_or_default());
            let body = format!(
                r#"<p role="alert">{sentence}</p>{reference}<p><a href="/settings">Go back to settings</a></p>"#
            );
            page(StatusCode::OK, "Billing", &body)
        }
    }
}

impl App {
    async fn session(&self, headers: &HeaderMap) -> Option<(&'static Person, String)> {
        let mut cookies = headers.get(header::COOKIE)?.to_str().ok()?.split("; ");
        let id = cookies.find_map(|cookie| cookie.strip_prefix(&self.cookie)?.strip_prefix('='))?;
        self.sessions.lock().await.get(id).cloned()
    }
}

fn signed_out() -> Response {
    let people = PEOPLE.map(|Person { id, tenant, role }| {
        format!(r#"<li><a href="/sign-in?person={id}">{id}</a>, {role} of {tenant}</li>"#)
    });
    let body = format!("<p>Please sign in as one of these people:</p><ul>{}</ul>", people.concat());
    page(StatusCode::UNAUTHORIZED, "Settings", &body)
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
          body {{ max-width: 40rem; margin: 3rem auto; font: 1rem/1.5 system-ui, sans-serif; color: #1a1f36 }}
          button {{ padding: .6rem 1.2rem; border: 0; border-radius: .4rem; background: #4f46e5; color: #fff; font: inherit }}
          [role] {{ padding: .75rem 1rem; border-radius: .4rem; background: #eef2ff }}
        </style></head><body><main><h1>{title}</h1>{body}</main></body></html>"#
    );
    (status, Html(html)).into_response()
}
