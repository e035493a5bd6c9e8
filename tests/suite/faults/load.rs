//! A steady load that does not wait for answers: calls of several tenants over a few connections.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{sync::watch, time::timeout};

use super::caller::Caller;
use crate::support::{
    Issuer,
    open_loop::{Ended, OpenLoop},
};

/// The number of tenants. Every fourth call is GetPortalAccess, of each tenant in turn.
pub(super) const TENANTS: usize = 7;

/// Calls per second.
const RATE: u32 = 20;

pub(super) const CONNECTIONS: usize = 4;

/// The status of a call without an answer of the service.
pub(super) const LOST: &str = "lost";

/// A call that is started so much too late shows that other programs use the whole machine.
const STALL: Duration = Duration::from_millis(500);

/// How long a test waits for something that the load must show.
const LIMIT: Duration = Duration::from_secs(120);

/// A call that has ended. Each has a user of its own, so that its audit entries can be found.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The number of calls that were started before.
    pub(super) number: usize,
    pub(super) is_session: bool,
    pub(super) started: Instant,
    pub(super) ended: Instant,
    pub(super) answer: Answer,
}

#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// The URL, or an empty string for GetPortalAccess.
    Ok(String),
    Refused {
        reason: String,
        request_id: String,
    },
    /// No answer of the service.
    Lost(#[expect(dead_code, reason = "printed if the call breaks a promise")] String),
}

/// Returns whether a call of the load has this user.
pub(super) fn is_user(user: &str) -> bool {
    user.strip_prefix('u').is_some_and(|number| number.parse::<usize>().is_ok())
}

impl Call {
    pub(super) fn tenant(&self) -> usize {
        self.number % TENANTS
    }

    pub(super) fn user(&self) -> String {
        format!("u{}", self.number)
    }

    /// Returns whether the call ran at any time in one of these periods.
    pub(super) fn overlaps(&self, periods: &[[Instant; 2]]) -> bool {
        periods.iter().any(|[from, until]| self.ended >= *from && self.started <= *until)
    }

    pub(super) fn is_ok(&self) -> bool {
        matches!(self.answer, Answer::Ok(_))
    }

    /// `OK`, the reason, or [`LOST`].
    pub(super) fn status(&self) -> &str {
        match &self.answer {
            Answer::Ok(_) => "OK",
            Answer::Refused { reason, .. } => reason,
            Answer::Lost(_) => LOST,
        }
    }
}

pub(super) struct Load {
    ended: watch::Receiver<Vec<Call>>,
    calls: OpenLoop<()>,
    signer: Arc<Mutex<Issuer>>,
}

impl Load {
    pub(super) fn start(address: SocketAddr, signer: Issuer) -> Self {
        let signer = Arc::new(Mutex::new(signer));
        let (ended_sender, ended) = watch::channel(Vec::new());
        let clients: Vec<_> = (0..CONNECTIONS).map(|_| Caller::new(address)).collect();
        let issuer = Arc::clone(&signer);
        let calls = OpenLoop::start(RATE, move |number| {
            let tenant = format!("t{}", number % TENANTS);
            let token = issuer.lock().unwrap().token(&format!("u{number}"), &tenant, "owner");
            let (client, ended) = (clients[number % CONNECTIONS].clone(), ended_sender.clone());
            async move {
                let call = client.call(number, &token).await;
                ended.send_modify(|calls| calls.push(call));
            }
        });
        Self { ended, calls, signer }
    }

    /// Waits until the calls that have ended meet a condition.
    pub(super) async fn wait_for(&self, what: &str, mut condition: impl FnMut(&[Call]) -> bool) {
        let mut ended = self.ended.clone();
        let met = timeout(LIMIT, ended.wait_for(|calls| condition(calls))).await.is_ok();
        assert!(met, "the load never showed: {what}; the last call: {:?}", self.ended.borrow().last());
    }

    /// Waits until this number of further calls has started.
    pub(super) async fn wait_for_calls(&self, count: usize) {
        self.calls.wait_for_calls(count).await;
    }

    /// Waits until every call that has started has also ended.
    pub(super) async fn wait_for_earlier_calls(&self) {
        let started = self.calls.started();
        let earlier = |calls: &[Call]| calls.iter().filter(|call| call.number < started).count();
        self.wait_for("the end of earlier calls", |calls| earlier(calls) == started).await;
    }

    /// Returns the token of an owner.
    pub(super) fn token(&self, user: &str, tenant: &str) -> String {
        self.signer.lock().unwrap().token(user, tenant, "owner")
    }

    /// Signs the tokens of later calls with another key.
    pub(super) fn sign_with(&self, signer: Issuer) {
        *self.signer.lock().unwrap() = signer;
    }

    /// Stops. Returns all calls in the order of their start, and when the machine stalled.
    pub(super) async fn stop(self) -> (Vec<Call>, Vec<[Instant; 2]>) {
        let Ended { mut stalls, .. } = self.calls.stop().await;
        stalls.retain(|[from, until]| *until - *from > STALL);
        let mut calls = self.ended.borrow().clone();
        calls.sort_by_key(|call| call.number);
        (calls, stalls)
    }
}
