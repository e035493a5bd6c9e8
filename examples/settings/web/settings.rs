//! The settings page.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Html,
};
use serde::Deserialize;

use crate::{
    billing::{Refused, Section},
    people::{PEOPLE, Person},
    web::{App, Failure, session::SignedIn},
};

/// What the address may say.
#[derive(Deserialize)]
pub(super) struct Arrival {
    billing: Option<String>,
}

/// What has just happened.
pub(crate) enum Notice {
    /// The person came back from the portal.
    Returned,
    /// The portal was not opened.
    Refused(Refused),
}

#[derive(Template)]
#[template(path = "settings.html", config = "examples/settings/askama.toml")]
struct SettingsPage<'a> {
    person: &'a Person,
    members: Vec<&'static Person>,
    csrf_token: &'a str,
    section: Section,
    notice: Option<Notice>,
}

/// The page as one arrives at it.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Query(arrival): Query<Arrival>,
) -> Result<Html<String>, Failure> {
    let returned = arrival.billing.as_deref() == Some("returned");
    render(&app, &signed_in, returned.then_some(Notice::Returned)).await
}

/// The page with what has just happened; the billing section is asked for anew each time.
pub(crate) async fn render(app: &App, signed_in: &SignedIn, notice: Option<Notice>) -> Result<Html<String>, Failure> {
    let SignedIn { person, csrf_token } = signed_in;
    let section = app.billing.section(person).await;
    let members = PEOPLE.iter().filter(|member| is_member(member, person)).collect();
    Ok(Html(SettingsPage { person, members, csrf_token, section, notice }.render()?))
}

/// A former owner is no member any more, whatever an old session says.
fn is_member(member: &Person, person: &Person) -> bool {
    member.tenant.id == person.tenant.id && (member.present_owner || member.role != "owner")
}
