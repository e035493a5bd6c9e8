//! The sign-in page. A product uses its own sign-in instead.

use std::{collections::HashMap, sync::Arc};

use askama::Template;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, header},
    response::{Html, IntoResponse as _, Redirect, Response},
};

use crate::{
    people::{self, PEOPLE, Person},
    web::{App, Failure, session::VerifiedForm},
};

#[derive(Template)]
#[template(path = "sign_in.html", config = "examples/settings/askama.toml")]
struct SignInPage {
    people: &'static [Person],
}

/// Shows the people to sign in as.
pub(super) async fn choose() -> Result<Html<String>, Failure> {
    Ok(Html(SignInPage { people: &PEOPLE }.render()?))
}

/// Ends the old session and starts a new one.
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    form: Result<Form<HashMap<String, String>>, FormRejection>,
) -> Result<Response, Failure> {
    let Some(person) = form.ok().and_then(|form| people::find(form.get("person")?)) else {
        return Ok(Redirect::to("/sign-in").into_response());
    };
    app.sessions.end(&headers);
    let cookie = app.sessions.start(person)?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/settings/billing")).into_response())
}

/// Ends the session and deletes the cookie.
pub(super) async fn sign_out(State(app): State<Arc<App>>, headers: HeaderMap, _: VerifiedForm) -> Response {
    let cookie = app.sessions.end(&headers);
    ([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response()
}
