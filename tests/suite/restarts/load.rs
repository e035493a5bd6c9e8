//! A steady load: 50 calls start every second, and none of them is sent again.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use billing_portal::grpc::proto::{
    GetPortalAccessRequest, Reason, billing_portal_client::BillingPortalClient,
    portal_access_client::PortalAccessClient,
};
use tokio::time::sleep;
use tonic::transport::Channel;

use crate::support::{
    World,
    client_error::answer,
    open_loop::OpenLoop,
    world::{bearer, connect, home, traced},
};

/// Calls per second.
const RATE: u32 = 50;

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

/// Adds the people, and begins to call.
pub(super) async fn start(world: &Arc<World>, address: SocketAddr) -> OpenLoop<Call> {
    world.add_owners(PEOPLE);
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
    let channel = connect(address).await;
    let world = Arc::clone(world);
    OpenLoop::start(RATE, move |number| call(Arc::clone(&world), channel.clone(), number))
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
        (answer(response.map(|_| "OK")), if is_owner { "OK" } else { "NOT_OWNER" })
    } else {
        let request = traced(bearer(&token, GetPortalAccessRequest::default()), &trace);
        let response = PortalAccessClient::new(channel).get_portal_access(request).await;
        let reason = |reason: Reason| reason.as_str_name();
        let expected = reason(if is_owner { Reason::Allowed } else { Reason::NotOwner });
        (answer(response.map(|access| reason(access.into_inner().reason()))), expected)
    };
    Call { trace, creates_session, duration: started.elapsed(), answer, expected }
}
