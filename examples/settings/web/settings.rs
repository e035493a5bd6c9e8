//! The pages of the settings.

use std::{collections::HashMap, sync::Arc};

use askama::Template;
use axum::{
    extract::{Query, State},
    response::{Html, IntoResponse as _, Redirect, Response},
};

use crate::{
    billing::{self, Refusal, Returned, Section},
    people::{PEOPLE, Person},
    web::{App, Failure, session::SignedIn},
};

/// A notice at the top of a page. It is kept in the session until a page shows it, so that it is shown once.
pub(crate) enum Notice {
    /// The person returned from the portal.
    Returned(Returned),
    /// The portal was not opened.
    Refused(Refusal),
    /// A form was sent from a page of an earlier sign-in.
    OtherSignIn {
        /// Who was signed in then; `None` if it was the same person, or is not known.
        opened_by: Option<&'static Person>,
    },
}

/// What the pages have in common.
struct Frame<'a> {
    path: &'static str,
    person: &'a Person,
    csrf_token: &'a str,
    notice: Option<Notice>,
}

impl<'a> Frame<'a> {
    fn new(app: &App, signed_in: &'a SignedIn, path: &'static str) -> Self {
        let SignedIn { session_id, person, csrf_token } = signed_in;
        Self { path, person, csrf_token, notice: app.sessions.take_notice(session_id) }
    }

    /// Returns the people to ask for help. A backend knows the owners of its workspaces.
    fn owners(&self) -> impl Iterator<Item = &'static Person> {
        let tenant = self.person.tenant.id;
        PEOPLE.iter().filter(move |person| person.tenant.id == tenant && person.is_owner_in_directory)
    }
}

#[derive(Template)]
#[template(path = "profile.html", config = "examples/settings/askama.toml")]
struct ProfilePage<'a> {
    frame: Frame<'a>,
}

pub(super) async fn profile(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Html<String>, Failure> {
    Ok(Html(ProfilePage { frame: Frame::new(&app, &signed_in, "/settings") }.render()?))
}

#[derive(Template)]
#[template(path = "members.html", config = "examples/settings/askama.toml")]
struct MembersPage<'a> {
    frame: Frame<'a>,
    members: Vec<&'static Person>,
}

pub(super) async fn members(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Html<String>, Failure> {
    let members = PEOPLE.iter().filter(|member| is_member(member, signed_in.person)).collect();
    Ok(Html(MembersPage { frame: Frame::new(&app, &signed_in, "/settings/members"), members }.render()?))
}

/// Returns whether `member` belongs to the person's workspace. A former owner does not, even with an old session.
fn is_member(member: &Person, person: &Person) -> bool {
    member.tenant.id == person.tenant.id && (member.is_owner_in_directory || member.role != "owner")
}

#[derive(Template)]
#[template(path = "billing.html", config = "examples/settings/askama.toml")]
struct BillingPage<'a> {
    frame: Frame<'a>,
    /// `None` if the notice already says the same.
    section: Option<Section>,
}

/// Shows the billing page. Each time, the service decides whether the page has the buttons.
///
/// The address of a return from the portal is replaced with the address of the page, so that reloading it does not
/// repeat the notice.
pub(super) async fn billing(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Failure> {
    if let Some(returned) = query.get("billing").and_then(|marker| billing::for_return(marker)) {
        app.sessions.notify(&signed_in.session_id, Notice::Returned(returned));
        return Ok(Redirect::to("/settings/billing").into_response());
    }
    let section = app.billing.section(signed_in.person).await;
    let frame = Frame::new(&app, &signed_in, "/settings/billing");
    let is_repeated = match (&frame.notice, &section) {
        (Some(Notice::Refused(notice)), Section::Refused(refusal)) => notice.sentence == refusal.sentence,
        _ => false,
    };
    let page = BillingPage { frame, section: (!is_repeated).then_some(section) };
    Ok(Html(page.render()?).into_response())
}
