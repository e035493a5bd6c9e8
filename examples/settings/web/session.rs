//! Sign-in sessions: a random id in a cookie, everything else in memory. A product uses its own sign-in instead.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use askama::Template;
use aws_lc_rs::{constant_time, rand};
use axum::{
    Form,
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{HeaderMap, header, request::Parts},
    response::{Html, IntoResponse, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::{
    people::{self, PEOPLE, Person},
    web::{App, Failure},
};

const COOKIE: &str = "settings_session";

/// The sessions by id. They are lost when the process exits.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

#[derive(Clone)]
struct Session {
    person: &'static Person,
    csrf_token: String,
}

impl Sessions {
    fn map(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        // A panic cannot leave the map inconsistent, because insertion and removal are single calls.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, headers: &HeaderMap) {
        if let Some(id) = cookie(headers) {
            self.map().remove(id);
        }
    }
}

/// A signed-in person. Requests without a session are redirected to the sign-in page.
pub(crate) struct SignedIn {
    pub(crate) person: &'static Person,
    /// The CSRF token, which every form of this session contains.
    pub(crate) csrf_token: String,
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = Redirect;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Redirect> {
        let session = cookie(&parts.headers).and_then(|id| app.sessions.map().get(id).cloned());
        let Session { person, csrf_token } = session.ok_or_else(|| Redirect::to("/sign-in"))?;
        Ok(Self { person, csrf_token })
    }
}

/// A form whose CSRF token has been verified. It is the only way to read form fields, so no handler can omit the check.
pub(crate) struct VerifiedForm {
    pub(crate) signed_in: SignedIn,
    fields: HashMap<String, String>,
}

impl VerifiedForm {
    /// Returns the value of a field, or an empty string if it is missing.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

impl FromRequest<Arc<App>> for VerifiedForm {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let signed_in = SignedIn::from_request_parts(&mut parts, app).await.map_err(IntoResponse::into_response)?;
        let Form(fields) = Form::<HashMap<String, String>>::from_request(Request::from_parts(parts, body), app)
            .await
            .map_err(|_| Failure::Forged.into_response())?;
        let form = Self { signed_in, fields };
        let (sent, expected) = (form.field("csrf_token"), &form.signed_in.csrf_token);
        constant_time::verify_slices_are_equal(sent.as_bytes(), expected.as_bytes())
            .map_err(|_| Failure::Forged.into_response())?;
        Ok(form)
    }
}

#[derive(Template)]
#[template(path = "sign_in.html", config = "examples/settings/askama.toml")]
struct SignInPage {
    people: &'static [Person],
}

/// Shows the people to sign in as.
pub(super) async fn choose() -> Result<Html<String>, Failure> {
    Ok(Html(SignInPage { people: &PEOPLE }.render()?))
}

/// The sign-in form.
#[derive(Deserialize)]
pub(super) struct SignInForm {
    person: String,
}

/// Ends the old session and starts one under a new id, which prevents session fixation.
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Result<Response, Failure> {
    let Some(person) = people::find(&form.person) else {
        return Ok(Redirect::to("/sign-in").into_response());
    };
    app.sessions.end(&headers);
    let (id, csrf_token) = (random()?, random()?);
    // SameSite=Lax, because the return from the portal is a navigation from another site. A product also sets Secure
    // and the prefix `__Host-`, but over http on loopback not every browser accepts such a cookie.
    let cookie = format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax");
    app.sessions.map().insert(id, Session { person, csrf_token });
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/settings")).into_response())
}

/// Ends the session and deletes the cookie.
pub(super) async fn sign_out(State(app): State<Arc<App>>, headers: HeaderMap, _: VerifiedForm) -> Response {
    app.sessions.end(&headers);
    let cookie = format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response()
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// Returns 256 random bits as text.
fn random() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Omits the CSRF token, which is a secret.
impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("person", &self.person.id).finish_non_exhaustive()
    }
}
