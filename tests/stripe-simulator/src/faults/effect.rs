//! Where on a request's way a fault befalls it.

use crate::{
    connection::Delivery,
    endpoint::{Endpoint, Route},
    error::Error,
    model::Mode,
    outage,
    state::State,
    wire::{Answer, RecordedRequest},
};

/// What a fault does.
pub(crate) enum Effect {
    /// Stripe refuses; none where the endpoint has no such refusal.
    Refuse(fn(&Asked) -> Option<Refusal>),
    /// The work is done, and the answer that leaves is another one.
    Change(fn(&mut State, &Asked, Answer) -> Answer),
    /// The honest answer meets something on its way.
    Deliver(Delivery),
    /// Connections fail, before there is a request.
    Outage(outage::Outage),
}

/// How Stripe refuses.
pub(crate) enum Refusal {
    /// With an error.
    Error(Error),
    /// With an object that is as good as one.
    Deleted(Answer),
}

/// What a request asks for, as far as a fault has to know.
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Without its query.
    pub(crate) path: String,
    /// None when the path is unknown.
    pub(crate) endpoint: Option<Endpoint>,
    /// None when the key is unknown.
    pub(crate) mode: Option<Mode>,
    /// Named by the path or the parameters.
    pub(crate) customer: Option<String>,
    pub(crate) account: String,
}

impl Asked {
    pub(crate) fn of(state: &State, call: &RecordedRequest, mode: Option<Mode>) -> Self {
        let (path, query) = call.target();
        let route = Route::of(&call.method, path);
        let customer = match route {
            Some(Route::Customer(id)) => Some(id.to_owned()),
            Some(Route::CreateSession) => {
                let pairs =
                    form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(call.body.as_bytes()));
                pairs.into_iter().find(|(name, _)| name == "customer").map(|(_, id)| id.into_owned())
            }
            Some(Route::Account | Route::Configurations | Route::Configuration(_)) | None => None,
        };
        Self {
            method: call.method.clone(),
            path: path.to_owned(),
            endpoint: route.map(Route::endpoint),
            mode,
            customer,
            account: state.account_id.clone(),
        }
    }

    pub(crate) fn is_for(&self, endpoint: Endpoint) -> bool {
        self.endpoint == Some(endpoint)
    }
}
