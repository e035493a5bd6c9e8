//! Calls of well-behaved clients.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use billing_portal::grpc::proto::{
    GetPortalAccessRequest, billing_portal_client::BillingPortalClient, portal_access_client::PortalAccessClient,
};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::stage::{PEOPLE, Stage};
use crate::support::{
    World,
    client_error::answer,
    latencies::Latencies,
    open_loop::OpenLoop,
    world::{bearer, connect, home},
};

const CONNECTIONS: usize = 4;

/// A call without an answer until then is lost. Longer than any limit of the service.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// An owner calls CreatePortalSession.
    Open,
    /// An owner calls GetPortalAccess.
    Access,
    /// A member calls CreatePortalSession.
    Forbidden,
    /// An owner calls CreatePortalSession, and disconnects after a while.
    Cancel(Duration),
    /// An owner calls CreatePortalSession over a new connection.
    Connect,
}

/// A call that has ended.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) action: Action,
    pub(super) started: Instant,
    pub(super) ended: Instant,
    /// `OK`, the reason, or what the client itself reports.
    pub(super) answer: String,
}

impl Call {
    /// From the call of the client's function to its result. The time that a late load generator adds before does not count.
    pub(super) fn latency(&self) -> Duration {
        self.ended - self.started
    }

    pub(super) fn is_ok(&self) -> bool {
        self.answer == "OK"
    }

    /// Returns whether the answer is the one of a service without other load.
    pub(super) fn is_expected(&self) -> bool {
        match self.action {
            Action::Open | Action::Access | Action::Connect => self.is_ok(),
            Action::Forbidden => self.answer == "NOT_OWNER",
            Action::Cancel(_) => self.is_ok() || self.answer == CANCELLED,
        }
    }
}

/// What a client has that does not wait for the answer.
const CANCELLED: &str = "cancelled";

/// Starts calls, with the action of each by its number.
pub(super) async fn start(stage: &Stage, per_second: u32, action: fn(usize) -> Action) -> OpenLoop<Call> {
    let address = stage.serving.address;
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(connect(address).await);
    }
    let world = Arc::clone(&stage.world);
    OpenLoop::start(per_second, move |number| {
        let action = action(number);
        let role = if action == Action::Forbidden { "member" } else { "owner" };
        let person = number % PEOPLE;
        let token = world.issuer.token(&format!("u{person}"), &format!("t{person}"), role);
        let channel = channels[number % CONNECTIONS].clone();
        async move {
            let started = Instant::now();
            let answer = timeout(PATIENCE, call(address, channel, action, &token)).await;
            let answer = answer.unwrap_or_else(|_| "lost".to_owned());
            Call { action, started, ended: Instant::now(), answer }
        }
    })
}

async fn call(address: SocketAddr, channel: Channel, action: Action, token: &str) -> String {
    match action {
        Action::Open | Action::Forbidden => open(channel, token).await,
        Action::Connect => open(connect(address).await, token).await,
        Action::Cancel(after) => timeout(after, open(channel, token)).await.unwrap_or_else(|_| CANCELLED.to_owned()),
        Action::Access => {
            let request = bearer(token, GetPortalAccessRequest::default());
            let access = PortalAccessClient::new(channel).get_portal_access(request).await;
            answer(access.map(|access| if access.get_ref().visible { "OK" } else { "not visible" }))
        }
    }
}

async fn open(channel: Channel, token: &str) -> String {
    answer(BillingPortalClient::new(channel).create_portal_session(bearer(token, home())).await.map(|_| "OK"))
}

/// A health check every 100 ms, over a connection of its own. Each must succeed.
pub(super) fn health(world: &World) -> OpenLoop<Duration> {
    let channel = world.channel.clone();
    OpenLoop::start(10, move |_| {
        let mut client = HealthClient::new(channel.clone());
        async move {
            let started = Instant::now();
            let check = timeout(PATIENCE, client.check(HealthCheckRequest::default())).await;
            check.expect("a health check is not answered").unwrap();
            started.elapsed()
        }
    })
}

/// Counts the calls with each answer.
pub(super) fn answers<'a>(calls: impl IntoIterator<Item = &'a Call>) -> BTreeMap<&'a str, usize> {
    let mut answers = BTreeMap::new();
    for call in calls {
        *answers.entry(&*call.answer).or_default() += 1;
    }
    answers
}

pub(super) fn latencies<'a>(calls: impl IntoIterator<Item = &'a Call>) -> Latencies {
    calls.into_iter().map(Call::latency).collect()
}

/// Milliseconds, for a table.
pub(super) fn ms(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1e3)
}
