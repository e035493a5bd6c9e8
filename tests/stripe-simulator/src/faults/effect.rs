//! The effects of faults, by the stage of request processing at which they apply.

use crate::{
    connection::Delivery,
    endpoint::{Endpoint, Route},
    error::Error,
    model::Mode,
    outage,
    state::State,
    wire::{Answer, RecordedRequest},
};

/// The effect of a fault.
pub(crate) enum Effect {
    /// Refuses the request. `None` if the endpoint does not refuse for this reason.
    Refuse(fn(&RequestInfo) -> Option<Refusal>),
    /// Processes the request and changes the response.
    Change(fn(&mut State, &RequestInfo, Answer) -> Answer),
    /// Sends the correct response incompletely or not at all.
    Deliver(Delivery),
    /// Makes connections fail before a request is received.
    Outage(outage::Outage),
}

/// A refusal by Stripe.
pub(crate) enum Refusal {
    /// An error response.
    Error(Error),
    /// A successful response with a deleted object.
    Deleted(Answer),
}

/// The properties of a request that faults depend on.
pub(crate) struct RequestInfo {
    pub(crate) method: String,
    /// The path without the query.
    pub(crate) path: String,
    /// `None` if the path is unknown.
    pub(crate) endpoint: Option<Endpoint>,
    /// `None` if the key is unknown.
    pub(crate) mode: Option<Mode>,
    /// The customer ID in the path or the parameters.
    pub(crate) customer: Option<String>,
    pub(crate) account: String,
}

impl RequestInfo {
    pub(crate) fn of(state: &State, call: &RecordedRequest, mode: Option<Mode>) -> Self {
        let (path, query) = call.target();
        let route = Route::of(&call.method, path);
        let customer = match route {
            Some(Route::Customer(id) | Route::UpdateCustomer(id)) => Some(id.to_owned()),
            Some(Route::CreateSession | Route::CheckoutSessions | Route::Subscriptions) => {
                let pairs =
                    form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(call.body.as_bytes()));
                pairs.into_iter().find(|(name, _)| name == "customer").map(|(_, id)| id.into_owned())
            }
            Some(Route::Account | Route::Configurations | Route::Configuration(_) | Route::Events) | None => None,
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
