//! Integration: refusals that need more than one call. All others are cases of the corpus.

use tonic::Code;

use crate::support::{World, stripe::hold_responses};

#[tokio::test]
async fn excess_concurrent_call_gets_overloaded() {
    let world = World::with(&["--max-in-flight=1"]).await;
    let (received, release) = hold_responses(&world.stripe);
    let token = world.olivia();
    let (held, second) = tokio::join!(world.open(&token), async {
        received.notified().await;
        let second = world.open(&token).await;
        release.add_permits(10);
        second
    });
    assert_eq!(second.unwrap_err().reason, "OVERLOADED");
    held.unwrap();
    assert_eq!(world.outcomes(), ["OVERLOADED", "OK"]);
}

#[tokio::test]
async fn outdated_key_set_gets_keys_unavailable() {
    let world = World::with(&["--principal-jwks-max-age=1s"]).await;
    let (token, removed_at) = (world.olivia(), std::time::Instant::now());
    std::fs::remove_file(world.path("jwks.json")).unwrap();
    let refusal = loop {
        match world.open(&token).await {
            Ok(_) => {
                let age = removed_at.elapsed();
                assert!(age < std::time::Duration::from_secs(30), "the keys are still used after {age:?}");
                tokio::task::yield_now().await;
            }
            Err(refusal) => break refusal,
        }
    };
    assert!(removed_at.elapsed() > std::time::Duration::from_millis(500), "the keys must stay valid for a while");
    assert_eq!(
        (refusal.code, refusal.reason.as_str(), refusal.may_retry),
        (Code::Unavailable, "KEYS_UNAVAILABLE", true)
    );
}
