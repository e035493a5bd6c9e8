//! Sign-in sessions: a random id in a cookie, everything else in memory. A product uses its own sessions instead.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::{constant_time, rand};
use axum::{
    Form,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    billing::{
        Action,
        action::{Opening, WeakOpening},
    },
    people::Person,
    web::{App, Failure, settings::Notice},
};

/// The sessions. They are lost when the process exits.
pub(crate) struct Sessions {
    /// The name of the cookie. It contains the page's port, because browsers send a cookie to every port of a host.
    cookie: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The sessions by id.
    running: HashMap<String, Session>,
    /// Who had the CSRF token of a session that has ended. A product lets such an entry expire.
    ended: HashMap<String, &'static Person>,
}

struct Session {
    person: &'static Person,
    csrf_token: String,
    /// Shown by the next page that is loaded, and only by that page.
    notice: Option<Notice>,
    /// The running calls, by the displayed tenant and the action. The references are weak, so that the URL of a portal
    /// session is not kept.
    openings: HashMap<(String, Action), WeakOpening>,
}

impl Sessions {
    pub(crate) fn new(port: u16) -> Self {
        Self { cookie: format!("settings_session_{port}"), state: Mutex::default() }
    }

    /// Starts a session and returns the cookie for it. The id is new, which prevents session fixation.
    pub(super) fn start(&self, person: &'static Person) -> anyhow::Result<String> {
        let (id, csrf_token) = (random()?, random()?);
        let cookie = self.set_cookie(&id, "");
        self.state().running.insert(id, Session { person, csrf_token, notice: None, openings: HashMap::new() });
        Ok(cookie)
    }

    /// Ends the session of a request, if it has one, and returns the cookie that replaces its cookie.
    pub(super) fn end(&self, headers: &HeaderMap) -> String {
        let mut state = self.state();
        if let Some(session) = self.id(headers).and_then(|id| state.running.remove(id)) {
            state.ended.insert(session.csrf_token, session.person);
        }
        self.set_cookie("", " Max-Age=0;")
    }

    /// Sets the notice that the next page shows.
    pub(crate) fn notify(&self, id: &str, notice: Notice) {
        if let Some(session) = self.state().running.get_mut(id) {
            session.notice = Some(notice);
        }
    }

    pub(super) fn take_notice(&self, id: &str) -> Option<Notice> {
        self.state().running.get_mut(id)?.notice.take()
    }

    /// Returns the call that is running in this session for the same tenant and action, otherwise starts one.
    pub(crate) fn join_or_start(
        &self,
        id: &str,
        (displayed_tenant, action): (&str, Action),
        start: impl FnOnce() -> Opening,
    ) -> Opening {
        let mut state = self.state();
        let Some(session) = state.running.get_mut(id) else { return start() };
        session.openings.retain(|_, opening| opening.upgrade().is_some());
        let key = (displayed_tenant.to_owned(), action);
        session.openings.get(&key).and_then(WeakOpening::upgrade).unwrap_or_else(|| {
            let opening = start();
            session.openings.extend(opening.downgrade().map(|opening| (key, opening)));
            opening
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave the maps inconsistent, because each change is a single call.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = pairs.flat_map(|value| value.split(';'));
        pairs.find_map(|pair| pair.trim().strip_prefix(self.cookie.as_str())?.strip_prefix('='))
    }

    /// SameSite=Lax, because the return from the portal is a navigation from another site. A product also sets Secure
    /// and the prefix `__Host-`, but over http on loopback not every browser accepts such a cookie.
    fn set_cookie(&self, id: &str, attributes: &str) -> String {
        format!("{}={id}; Path=/;{attributes} HttpOnly; SameSite=Lax", self.cookie)
    }
}

/// A signed-in person. Requests without a session are redirected to the sign-in page.
pub(crate) struct SignedIn {
    pub(crate) session_id: String,
    pub(crate) person: &'static Person,
    /// The CSRF token, which every form of this session contains.
    pub(crate) csrf_token: String,
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = Redirect;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Redirect> {
        let id = app.sessions.id(&parts.headers).unwrap_or_default();
        match app.sessions.state().running.get(id) {
            Some(Session { person, csrf_token, .. }) => {
                Ok(Self { session_id: id.to_owned(), person, csrf_token: csrf_token.clone() })
            }
            None => Err(Redirect::to("/sign-in")),
        }
    }
}

/// A form whose CSRF token has been verified. It is the only way to read form fields, so no handler can omit the check.
///
/// A form of an earlier sign-in is redirected to the page of the present one, with a notice that explains why.
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
        if constant_time::verify_slices_are_equal(sent.as_bytes(), expected.as_bytes()).is_err() {
            let SignedIn { session_id, person, .. } = &form.signed_in;
            let opened_by = app.sessions.state().ended.get(sent).copied().filter(|other| other.id != person.id);
            app.sessions.notify(session_id, Notice::OtherSignIn { opened_by });
            return Err(Redirect::to("/settings/billing").into_response());
        }
        Ok(form)
    }
}

/// Returns 256 random bits as text.
fn random() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
