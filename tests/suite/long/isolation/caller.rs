//! A caller: makes the calls of its people, one after the other.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use billing_portal::grpc::proto::{CreatePortalSessionRequest, billing_portal_client::BillingPortalClient};
use rand::RngExt as _;
use tokio::sync::mpsc;
use tonic::transport::Channel;

use super::{
    Plan,
    changes::Changes,
    keys::Key,
    model::{Call, Model, PEOPLE, Person},
    outcomes::Outcomes,
    timeline::Span,
};
use crate::support::{
    ClientError,
    world::{RETURN_URL, bearer},
};

/// How often a call replays a token whose key was withdrawn, if its person has one.
const REPLAY: f64 = 0.2;

/// One of the concurrent callers.
pub(super) struct Caller {
    pub(super) channel: Channel,
    pub(super) model: Arc<Model>,
    pub(super) changes: Changes,
    pub(super) rotations: mpsc::Sender<()>,
    pub(super) is_wrong: Arc<AtomicBool>,
    /// The latest token of each person.
    pub(super) tokens: BTreeMap<usize, (Arc<Key>, String)>,
}

impl Caller {
    /// Makes the calls with these numbers, until an outcome is wrong.
    pub(super) async fn run(mut self, numbers: impl Iterator<Item = usize>, plan: Plan) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for number in numbers {
            if number.is_multiple_of(plan.calls_per_rotation) {
                let _waits_or_left_out = self.rotations.try_send(());
            }
            let call = self.call(number).await;
            outcomes.judge(&self.model, &call);
            let is_wrong = !outcomes.wrong.is_empty();
            if self.is_wrong.fetch_or(is_wrong, Ordering::Relaxed) || is_wrong {
                break;
            }
        }
        outcomes
    }

    async fn call(&mut self, number: usize) -> Call {
        let person = Person(number % PEOPLE);
        let (key, token) = self.token(person);
        let message =
            CreatePortalSessionRequest { return_url: format!("{RETURN_URL}?call={number}"), ..Default::default() };
        let request = bearer(&token, message);
        self.model.begin(number);
        let flag_read = self.model.flag_read();
        let from = Instant::now();
        self.changes.begin(person);
        let response = BillingPortalClient::new(self.channel.clone()).create_portal_session(request).await;
        let span = Span { from, until: Instant::now() };
        let outcome =
            response.map(|response| response.into_inner().url).map_err(|status| ClientError::of(&status).reason);
        Call { number, span, key, flag_read, events: self.model.end(number), outcome }
    }

    /// Returns a person's latest token, which may be replayed once after its key was withdrawn, or a new one.
    fn token(&mut self, person: Person) -> (Arc<Key>, String) {
        let latest = self.tokens.remove(&person.0);
        let is_used = |(key, _): &(Arc<Key>, String)| key.published.latest() || rand::rng().random_bool(REPLAY);
        let (key, token) = latest.filter(is_used).unwrap_or_else(|| {
            let key = self.model.latest_key();
            let token = key.issuer.token(&format!("u{}", person.0), &format!("t{}", person.tenant()), "owner");
            (key, token)
        });
        if key.published.latest() {
            self.tokens.insert(person.0, (Arc::clone(&key), token.clone()));
        }
        (key, token)
    }
}
