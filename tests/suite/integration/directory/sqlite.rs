//! Integration: a SQLite file that another process has locked.

use billing_portal::grpc::proto::{GetPortalAccessRequest, portal_access_client::PortalAccessClient};
use tokio::task::JoinSet;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::support::{World, world::bearer};

#[tokio::test]
async fn locked_file_stops_only_calls_that_read_it() {
    let world = World::start().await;
    let lock = world.database();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut reading = JoinSet::new();
    for tenant in ["acme", "globex", "initech"].repeat(4) {
        let mut client = PortalAccessClient::new(world.channel.clone());
        let token = world.issuer.token("olivia", tenant, "owner");
        reading.spawn(async move { client.get_portal_access(bearer(&token, GetPortalAccessRequest::default())).await });
    }
    for user in ["mia", "max", "moe", "mo", "mila"] {
        let member = world.issuer.token(user, "acme", "member");
        assert_eq!(world.open(&member).await.unwrap_err().reason, "NOT_OWNER");
        world.wait_for_health("", ServingStatus::Serving).await;
    }
    assert!(reading.try_join_next().is_none());
    lock.execute_batch("ROLLBACK").unwrap();
    while let Some(response) = reading.join_next().await {
        response.unwrap().unwrap();
    }
}
