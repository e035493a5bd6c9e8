//! A caller: makes calls one after the other, and cancels some of them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use billing_portal::grpc::proto::billing_portal_client::BillingPortalClient;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};

use super::Run;
use crate::support::{
    ClientError,
    world::{bearer, home, traced},
};

/// How many people call. One person may have 16 calls in flight.
pub(super) const PEOPLE: usize = 40;

/// How often a caller cancels its call, unless it ends before.
const CANCELLED: f64 = 0.25;

/// How often a token is forged.
const FORGED: f64 = 0.05;

/// By when a caller cancels. Calls that wait for a fault last much longer.
const PATIENCE: Duration = Duration::from_millis(40);

/// How long a call without an answer waits for the process that replaces the killed one.
const LIMIT: Duration = Duration::from_secs(60);

/// The connections to one process.
#[derive(Clone)]
pub(super) struct Clients {
    address: SocketAddr,
    channels: [Channel; 4],
}

impl Clients {
    pub(super) fn new(address: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Self { address, channels: std::array::from_fn(|_| endpoint.connect_lazy()) }
    }
}

/// A call that has ended for its caller.
pub(super) struct Call {
    /// Its trace, which is also in its audit entries.
    pub(super) trace: String,
    /// Their tenant has one customer.
    pub(super) person: usize,
    pub(super) answer: Answer,
}

#[derive(Debug)]
pub(super) enum Answer {
    Url(String),
    Refused {
        reason: String,
        request_id: String,
    },
    Cancelled,
    /// The process was killed.
    Lost,
}

pub(super) struct Caller {
    run: Arc<Run>,
    random: StdRng,
}

impl Caller {
    pub(super) fn new(run: &Arc<Run>, seed: u64) -> Self {
        Self { run: Arc::clone(run), random: StdRng::seed_from_u64(seed) }
    }

    /// Makes the calls with these numbers.
    pub(super) async fn run(mut self, numbers: impl Iterator<Item = usize>) -> Vec<Call> {
        let mut calls = Vec::new();
        for number in numbers {
            self.run.started.send_modify(|started| *started += 1);
            calls.push(self.call(number).await);
        }
        calls
    }

    async fn call(&mut self, number: usize) -> Call {
        let person = self.random.random_range(0..PEOPLE);
        let role = if person % 10 == 5 { "member" } else { "owner" };
        let mut token = self.run.issuer.token(&format!("u{person}"), &format!("t{person}"), role);
        if self.random.random_bool(FORGED) {
            token.push('x');
        }
        let trace = format!("{:032x}", number + 1);
        let clients = self.run.clients.borrow().clone();
        let mut client = BillingPortalClient::new(clients.channels[number % clients.channels.len()].clone());
        let call = client.create_portal_session(traced(bearer(&token, home()), &trace));
        let is_cancelled = self.random.random_bool(CANCELLED);
        let patience = if is_cancelled { self.random.random_range(Duration::ZERO..PATIENCE) } else { LIMIT };
        let answer = match timeout(patience, call).await {
            Err(_) if is_cancelled => Answer::Cancelled,
            Err(_) => panic!("no answer: {trace}"),
            Ok(Ok(response)) => Answer::Url(response.into_inner().url),
            Ok(Err(status)) => match ClientError::if_refused(&status) {
                Some(ClientError { reason, request_id, .. }) => Answer::Refused { reason, request_id },
                None => {
                    let mut next = self.run.clients.subscribe();
                    let replaced = next.wait_for(|next| next.address != clients.address);
                    assert!(timeout(LIMIT, replaced).await.is_ok(), "no answer, but the process lives: {status:?}");
                    Answer::Lost
                }
            },
        };
        Call { trace, person, answer }
    }
}
