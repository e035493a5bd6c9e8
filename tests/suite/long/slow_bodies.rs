//! One member opens 1,000 calls whose message never arrives, again and again. Calls of another person must succeed.

use std::{sync::Arc, time::Instant};

use futures_util::future::join_all;

use crate::support::{
    World,
    latencies::Latencies,
    raw_call::{RawClient, grpc, half_message},
};

const SLOW_CALLS: usize = 1_000;
const CONNECTIONS: usize = 20;
const ROUNDS: usize = 5;

/// Another person calls, one after the other until `done` has ended, and at least 1,000 times. Returns the latencies.
async fn measure(world: &World, done: impl Future) -> Latencies {
    let greta = world.issuer.token("greta", "globex", "owner");
    let call = async || {
        let started = Instant::now();
        world.open(&greta).await.unwrap();
        started.elapsed()
    };
    let mut latencies = Vec::new();
    let mut done = std::pin::pin!(done);
    while latencies.len() < 1_000 || futures_util::poll!(&mut done).is_pending() {
        latencies.push(call().await);
    }
    latencies.into_iter().collect()
}

fn print(latencies: &Latencies, name: &str) {
    let [median, p99, largest] = [latencies.median(), latencies.p99(), latencies.largest()];
    let count = latencies.count();
    println!("{name}: {count} calls, median {median:.1?}, 99th percentile {p99:.1?}, largest {largest:.1?}");
}

/// Sends the slow calls, each round as soon as the previous one was refused. Returns the number of calls that were held until
/// their message timed out.
async fn attack(world: Arc<World>) -> usize {
    let token = world.issuer.token("mallory", "acme", "owner");
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| RawClient::new()).collect();
    let mut held = 0;
    for _ in 0..ROUNDS {
        let calls = (0..SLOW_CALLS)
            .map(|call| clients[call % CONNECTIONS].refusal(grpc(world.address, &token).body(half_message()).unwrap()));
        let refusals = join_all(calls).await;
        held += refusals.iter().filter(|refusal| refusal.reason == "DEADLINE_EXCEEDED").count();
        assert!(refusals.iter().all(|refusal| ["DEADLINE_EXCEEDED", "OVERLOADED"].contains(&refusal.reason.as_str())));
    }
    held
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes 10 s and measures latency: run it with `tests/run --long`"]
async fn slow_messages_of_one_member_do_not_affect_others() {
    let world = Arc::new(World::start().await);
    print(&measure(&world, std::future::ready(())).await, "without slow calls");
    let attack = tokio::spawn(attack(Arc::clone(&world)));
    let mut held = 0;
    let during = measure(&world, async { held = attack.await.unwrap() }).await;
    print(&during, &format!("during {ROUNDS} times {SLOW_CALLS} slow calls"));
    println!("{held} slow calls were held for 2 s, the others were refused with OVERLOADED");
    assert!(held >= 16 * ROUNDS, "the attack did not use up the limit of its person: {held}");
}
