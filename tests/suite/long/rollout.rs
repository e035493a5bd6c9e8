//! A hundred restarts of two replicas behind an Envoy.

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run it with `tests/run --long`"]
async fn hundred_restarts_lose_no_call() {
    crate::restarts::restart(100).await;
}
