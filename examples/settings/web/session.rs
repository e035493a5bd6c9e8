//! Who is signed in: a random id in a cookie, the rest on this side. A product has its own sign-in in this place.

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

/// The sessions of this process, by id; they end with it.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

#[derive(Clone)]
struct Session {
    person: &'static Person,
    csrf_token: String,
}

impl Sessions {
    fn map(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        // No insertion or removal can leave the map half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, headers: &HeaderMap) {
        if let Some(id) = cookie(headers) {
            self.map().remove(id);
        }
    }
}

/// A person with a session. A request without one is sent to the sign-in page.
pub(crate) struct SignedIn {
    pub(crate) person: &'static Person,
    /// What every form of this session carries.
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

/// A form that this session's own page sent. Handlers take their fields from it, so none can forget the CSRF token.
pub(crate) struct OwnForm {
    pub(crate) signed_in: SignedIn,
    fields: HashMap<String, String>,
}

impl OwnForm {
    /// A field, empty where there is none.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

impl FromRequest<Arc<App>> for OwnForm {
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

/// The people to choose from.
pub(super) async fn choose() -> Result<Html<String>, Failure> {
    Ok(Html(SignInPage { people: &PEOPLE }.render()?))
}

/// Whom the sign-in form names.
#[derive(Deserialize)]
pub(super) struct Choice {
    person: String,
}

/// Ends the old session and starts one under a new id, so that nobody can prepare an id for somebody else.
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Form(choice): Form<Choice>,
) -> Result<Response, Failure> {
    let Some(person) = people::find(&choice.person) else {
        return Ok(Redirect::to("/sign-in").into_response());
    };
    app.sessions.end(&headers);
    let (id, csrf_token) = (random()?, random()?);
    // Lax, for the way back from the portal is a navigation from another site. A product adds Secure and the prefix
    // `__Host-`; over http on loopback not every browser would keep that cookie.
    let cookie = format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax");
    app.sessions.map().insert(id, Session { person, csrf_token });
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/settings")).into_response())
}

/// Forgets the session on both sides.
pub(super) async fn sign_out(State(app): State<Arc<App>>, headers: HeaderMap, _: OwnForm) -> Response {
    app.sessions.end(&headers);
    let cookie = format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response()
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// 256 bits that nobody guesses.
fn random() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Ids and tokens are secrets.
impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("person", &self.person.id).finish_non_exhaustive()
    }
}
