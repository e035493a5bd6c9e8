//! Integration: health and reflection need no caller, unlike the two services, whose callers are cases of the corpus.

use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::support::World;

#[tokio::test]
async fn health_needs_no_caller() {
    let world = World::with(&["--caller-identity=istio", "--allowed-callers=spiffe://td/settings"]).await;
    assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "CALLER_NOT_ALLOWED");
    HealthClient::new(world.channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
}
