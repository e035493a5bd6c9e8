//! A steady load: a call starts every 20 ms, whether earlier ones have ended or not, and none of them is sent again.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use billing_portal::grpc::proto::{
    GetPortalAccessRequest, Reason, billing_portal_client::BillingPortalClient,
    portal_access_client::PortalAccessClient,
};
use stripe_simulator::Customer;
use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::{interval, sleep},
};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use crate::support::{
    ClientError, World,
    world::{bearer, home, traced},
};

/// 50 calls a second.
const INTERVAL: Duration = Duration::from_millis(20);

/// People share the calls, so that a machine that is busy for a second does not exceed the concurrent calls of one person.
const PEOPLE: usize = 20;

/// How long Stripe takes for some people. Their calls are in flight when a replica begins to drain.
const SLOW: Duration = Duration::from_secs(1);

/// A call that has ended.
pub(super) struct Call {
    /// Its trace, which is also in its audit entries. Only a call for a session has them.
    pub(super) trace: String,
    pub(super) creates_session: bool,
    pub(super) duration: Duration,
    pub(super) answer: String,
    /// The answer of a service that does not restart.
    pub(super) expected: &'static str,
}

pub(super) struct Load {
    calling: JoinHandle<Vec<Call>>,
    stop: oneshot::Sender<()>,
}

impl Load {
    /// Adds the people, and begins to call.
    pub(super) async fn start(world: &Arc<World>, address: SocketAddr) -> Self {
        add_people(world);
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        let (stop, mut stopped) = oneshot::channel();
        let world = Arc::clone(world);
        let calling = tokio::spawn(async move {
            let (mut calls, mut timer) = (JoinSet::new(), interval(INTERVAL));
            for number in 0.. {
                tokio::select! {
                    _ = timer.tick() => calls.spawn(call(Arc::clone(&world), channel.clone(), number)),
                    _ = &mut stopped => break,
                };
            }
            calls.join_all().await
        });
        Self { calling, stop }
    }

    /// Starts no further calls, and returns all of them when the last one has ended.
    pub(super) async fn stop(self) -> Vec<Call> {
        self.stop.send(()).unwrap();
        self.calling.await.unwrap()
    }
}

fn add_people(world: &World) {
    world.add_tenants(PEOPLE);
    for person in 0..PEOPLE {
        world.sql(&format!("INSERT INTO billing_portal_owners VALUES ('t{person}', 'u{person}')"));
        let customer = format!("cus_T{person}");
        world.stripe.add_customer(Customer::new(&customer).metadata("tenant_id", &format!("t{person}")));
    }
    world.stripe.record_requests(false);
    world.stripe.tamper(Some(Arc::new(|request, answer| {
        Box::pin(async move {
            // Two of ten: 0, 9, 10 and 19.
            if ["0", "9"]
                .iter()
                .any(|digit| request.path.starts_with("/v1/customers/") && request.path.ends_with(digit))
            {
                sleep(SLOW).await;
            }
            answer
        })
    })));
}

/// Every second call creates a session. One of ten people is not an owner.
async fn call(world: Arc<World>, channel: Channel, number: usize) -> Call {
    let (creates_session, person) = (number.is_multiple_of(2), number / 2 % PEOPLE);
    let is_owner = person % 10 != 5;
    let role = if is_owner { "owner" } else { "member" };
    let token = world.issuer.token(&format!("u{person}"), &format!("t{person}"), role);
    let trace = format!("{:032x}", number + 1);
    let started = Instant::now();
    let (answer, expected) = if creates_session {
        let request = traced(bearer(&token, home()), &trace);
        let response = BillingPortalClient::new(channel).create_portal_session(request).await;
        (answer(response.map(|_| "OK".to_owned())), if is_owner { "OK" } else { "NOT_OWNER" })
    } else {
        let request = traced(bearer(&token, GetPortalAccessRequest::default()), &trace);
        let response = PortalAccessClient::new(channel).get_portal_access(request).await;
        let reason = |reason: Reason| reason.as_str_name();
        let expected = reason(if is_owner { Reason::Allowed } else { Reason::NotOwner });
        (answer(response.map(|access| reason(access.into_inner().reason()).to_owned())), expected)
    };
    Call { trace, creates_session, duration: started.elapsed(), answer, expected }
}

/// Returns the reason of a refusal. A status without one is Envoy's, or the client's own.
fn answer(response: Result<String, Status>) -> String {
    response.unwrap_or_else(|status| match ClientError::if_refused(&status) {
        Some(refusal) => refusal.reason,
        None => format!("{:?}: {}", status.code(), status.message()),
    })
}
