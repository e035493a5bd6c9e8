//! Rolling restarts: two replicas behind an Envoy are restarted in turn under a steady load. No call fails, although nobody sends
//! a call again, and each call has one audit outcome.
//!
//! A restart is what Kubernetes does with a pod and its endpoint. The new process has another address, and Envoy sends calls to it
//! when it reports SERVING. The endpoint of the old one is removed before its SIGTERM. The chart leaves 5 s between both
//! (`preStop`); here, SIGTERM follows as soon as Envoy has removed the endpoint, which is harder.

mod load;
mod replica;

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use futures_util::future::join_all;
use load::Call;
use replica::{Ended, Replica};

use crate::support::{World, envoy::Envoy};

struct Rollout {
    world: Arc<World>,
    envoy: Envoy,
    replicas: Vec<Replica>,
    started: usize,
    ended: Vec<Ended>,
}

impl Rollout {
    /// Starts two replicas. Returns once Envoy sends calls to them.
    async fn start(world: &Arc<World>) -> Self {
        let envoy = Envoy::start().await;
        let mut rollout = Self { world: Arc::clone(world), envoy, replicas: Vec::new(), started: 0, ended: Vec::new() };
        for _ in 0..2 {
            let address = rollout.start_replica().await;
            rollout.envoy.has_added(address).await;
        }
        rollout
    }

    /// Starts a replica and adds its endpoint. Returns its address.
    async fn start_replica(&mut self) -> SocketAddr {
        let replica = Replica::start(&self.world, self.started).await;
        let address = replica.serving.address;
        self.replicas.push(replica);
        self.started += 1;
        self.set_endpoints();
        address
    }

    /// Removes the endpoint of the older replica, and terminates it.
    async fn terminate_replica(&mut self) {
        let replica = self.replicas.remove(0);
        self.set_endpoints();
        self.envoy.has_removed(replica.serving.address).await;
        self.ended.push(replica.terminate().await);
    }

    fn set_endpoints(&self) {
        self.envoy.set_endpoints(&self.replicas.iter().map(|replica| replica.serving.address).collect::<Vec<_>>());
    }

    /// Restarts the older replica: in turn as a roll-out does it, which starts the new one first, and as the drain of a node
    /// does it, during which the other replica is alone.
    async fn restart(&mut self, number: usize) {
        let starts_first = number % 4 < 2;
        if !starts_first {
            self.terminate_replica().await;
        }
        let address = self.start_replica().await;
        self.envoy.uses(address).await;
        if starts_first {
            self.terminate_replica().await;
        }
    }
}

/// Restarts replicas under load, prints the figures, and checks the answers and the audit files.
pub(crate) async fn restart(restarts: usize) {
    let world = Arc::new(World::start().await);
    let mut rollout = Rollout::start(&world).await;
    let addresses: Vec<_> = rollout.replicas.iter().map(|replica| replica.serving.address).collect();
    let load = load::start(&world, rollout.envoy.address).await;
    join_all(addresses.into_iter().map(|address| rollout.envoy.uses(address))).await;
    for number in 0..restarts {
        rollout.restart(number).await;
    }
    let calls = load.stop().await.calls;
    let Rollout { replicas, mut ended, .. } = rollout;
    let drained: u64 = ended.iter().map(|replica| replica.drained_calls).sum();
    ended.extend(join_all(replicas.into_iter().map(Replica::terminate)).await);

    let failed: Vec<_> = calls.iter().filter(|call| call.answer != call.expected).collect();
    let mismatches = mismatches(&calls, &ended);
    let longest = calls.iter().map(|call| call.duration).max().unwrap();
    println!(
        "{restarts} restarts, {drained} calls in flight at SIGTERM; {} calls, {} failed, {} without exactly one outcome; \
         the longest took {longest:.1?}",
        calls.len(),
        failed.len(),
        mismatches.len(),
    );
    for call in &failed {
        println!("{} after {:.1?}, expected {}", call.answer, call.duration, call.expected);
    }
    assert!(failed.is_empty() && mismatches.is_empty(), "{mismatches:?}");
    assert!(drained > 0, "no drain had a call to wait for");
}

/// Returns the traces that do not have exactly one outcome, that of the answer.
fn mismatches(calls: &[Call], ended: &[Ended]) -> Vec<String> {
    let mut outcomes: HashMap<&str, Vec<&str>> = HashMap::new();
    for (trace, reason) in ended.iter().flat_map(|replica| &replica.outcomes) {
        outcomes.entry(trace).or_default().push(reason);
    }
    let sessions = calls.iter().filter(|call| call.creates_session);
    let wrong = sessions.filter(|call| outcomes.remove(&*call.trace).as_deref() != Some(&[&*call.answer]));
    let mut wrong: Vec<_> = wrong.map(|call| call.trace.clone()).collect();
    wrong.extend(outcomes.into_keys().map(str::to_owned));
    wrong
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Envoy, which `tests/run` installs"]
async fn six_restarts_lose_no_call() {
    restart(6).await;
}
