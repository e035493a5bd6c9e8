//! A settings page with a billing action. The sign-in is a placeholder; the billing code is meant to be copied as is.
//! `examples/settings` has the same billing code inside a complete settings page.
//!
//!     SERVICE=127.0.0.1:50051 PUBLIC_ORIGIN=https://app.example.com JWKS_FILE=jwks.json cargo run --example bff

#![allow(clippy::print_stdout, reason = "prints its address")]

mod billing;

use std::{collections::HashMap, env, sync::Arc};

use anyhow::{Context as _, Result};
use axum::{
    Form, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use billing::{Billing, Person};
use serde::Deserialize;
use tokio::{net::TcpListener, sync::Mutex};

const PEOPLE: [Person; 3] = [
    Person { id: "olivia", tenant: "acme", role: "owner" },
    Person { id: "mia", tenant: "acme", role: "member" },
    Person { id: "dora", tenant: "dark", role: "owner" },
];

struct App {
    billing: Billing,
    /// The person and the CSRF token, by session id.
    sessions: Mutex<HashMap<String, (&'static Person, String)>>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let setting = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let origin = setting("PUBLIC_ORIGIN", "http://127.0.0.1:3000");
    let service = setting("SERVICE", "127.0.0.1:50051");
    let billing = Billing::new(&service, format!("{origin}/settings?billing=returned"))?;
    let key_set = setting("JWKS_FILE", "jwks.json");
    std::fs::write(&key_set, billing.key_set().to_string()).with_context(|| format!("cannot write {key_set}"))?;
    let app = Arc::new(App { billing, sessions: Mutex::default() });
    let routes = Router::new()
        .route("/sign-in", get(sign_in))
        .route("/settings", get(settings))
        .route("/settings/billing", post(open))
        .with_state(app);
    let listener = TcpListener::bind(format!("127.0.0.1:{}", setting("PORT", "0"))).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, routes).await.context("the server stopped unexpectedly")
}

async fn sign_in(State(app): State<Arc<App>>, Query(query): Query<HashMap<String, String>>) -> Response {
    let Some(person) = PEOPLE.iter().find(|person| query.get("person").is_some_and(|id| id == person.id)) else {
        return page(StatusCode::BAD_REQUEST, "Sign in", "<p>This user does not exist.</p>");
    };
    let id = uuid::Uuid::new_v4().to_string();
    app.sessions.lock().await.insert(id.clone(), (person, uuid::Uuid::new_v4().to_string()));
    let cookie = format!("session={id}; HttpOnly; SameSite=Lax; Path=/");
    (StatusCode::SEE_OTHER, [(header::LOCATION, "/settings".to_owned()), (header::SET_COOKIE, cookie)]).into_response()
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
            </form>"#,
            person.tenant
        ),
    };
    let has_returned = query.get("billing").is_some_and(|value| value == "returned");
    let notice = if has_returned { r#"<p role="status">You are back from the billing portal.</p>"# } else { "" };
    page(StatusCode::OK, "Settings", &format!("{notice}<h2>Billing</h2>{section}"))
}

#[derive(Deserialize)]
struct OpenForm {
    csrf_token: String,
    displayed_tenant_id: String,
}

async fn open(State(app): State<Arc<App>>, headers: HeaderMap, Form(form): Form<OpenForm>) -> Response {
    let Some((person, csrf)) = app.session(&headers).await else { return signed_out() };
    if aws_lc_rs::constant_time::verify_slices_are_equal(form.csrf_token.as_bytes(), csrf.as_bytes()).is_err() {
        let text = "<p>This form is out of date. Please go back, reload the page and try again.</p>";
        return page(StatusCode::FORBIDDEN, "Billing was not opened", text);
    }
    match app.billing.open(person, &form.displayed_tenant_id).await {
        Ok(location) => {
            let mut response = StatusCode::SEE_OTHER.into_response();
            let headers = response.headers_mut();
            headers.insert(header::LOCATION, location);
            headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
            headers.insert(header::REFERRER_POLICY, header::HeaderValue::from_static("no-referrer"));
            response
        }
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
        let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
        let id = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("session="))?;
        self.sessions.lock().await.get(id).cloned()
    }
}

fn signed_out() -> Response {
    page(StatusCode::UNAUTHORIZED, "Settings", "<p>Please sign in.</p>")
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    // form-action includes the portal's origin, because browsers also apply it to redirects.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' https://billing.stripe.com";
    let headers = [(header::CONTENT_SECURITY_POLICY, policy), (header::CACHE_CONTROL, "no-store")];
    let html = format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
          body {{ max-width: 40rem; margin: 3rem auto; font: 1rem/1.5 system-ui, sans-serif; color: #1a1f36 }}
          button {{ padding: .6rem 1.2rem; border: 0; border-radius: .4rem; background: #4f46e5; color: #fff; font: inherit }}
          [role] {{ padding: .75rem 1rem; border-radius: .4rem; background: #eef2ff }}
        </style></head><body><main><h1>{title}</h1>{body}</main></body></html>"#
    );
    (status, headers, Html(html)).into_response()
}
