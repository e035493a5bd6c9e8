//! PostgreSQL: slow queries of one tenant, and queries whose caller has disconnected.

use std::time::Duration;

use billing_portal::grpc::proto::{GetPortalAccessRequest, portal_access_client::PortalAccessClient};

use super::{
    ACME,
    session::{Proxy, contains},
    world_with,
};
use crate::{
    integration::directory::TABLES,
    support::{World, postgres::TestDatabase, world::bearer},
};

/// Makes a query for acme wait for a lock. PostgreSQL compares the ids, which costs less, before it calls the function.
pub(super) const SLOW: &str = "
    CREATE FUNCTION slow() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT pg_advisory_xact_lock_shared(1)::text $$;
    ALTER TABLE billing_portal_owners RENAME TO owners;
    CREATE VIEW billing_portal_owners AS
        SELECT tenant_id, user_id FROM owners WHERE tenant_id = 'globex' OR slow() IS NOT NULL;
    INSERT INTO billing_portal_tenants VALUES ('globex', 'cus_B'); INSERT INTO owners VALUES ('globex', 'gina');";

/// Waits until the service has this number of active queries.
pub(super) async fn wait_for_queries(database: &TestDatabase, count: usize) {
    wait_for_connections(database, count, "state = 'active'").await;
}

/// Waits until the service has this number of connections that meet a condition.
async fn wait_for_connections(database: &TestDatabase, count: usize, condition: &str) {
    let wait = format!(
        "SET statement_timeout = '20s'; DO $$ BEGIN
            WHILE (SELECT count(*) <> {count} FROM pg_stat_activity WHERE datname = current_database()
                    AND application_name = 'billing-portal' AND {condition}) LOOP
                PERFORM pg_stat_clear_snapshot(), pg_sleep(0.01);
            END LOOP; END $$"
    );
    database.run(&wait).await;
}

/// A world whose queries end neither at the deadline nor at the statement timeout, and the connection that holds the lock.
async fn blocked() -> (World, TestDatabase, sqlx::pool::PoolConnection<sqlx::Postgres>) {
    let (_, database) = world_with(&format!("{TABLES} {ACME} {SLOW}"), &[]).await;
    let mut lock = database.admin.acquire().await.unwrap();
    sqlx::raw_sql("SELECT pg_advisory_lock(1)").execute(&mut *lock).await.unwrap();
    let world = World::with(&[&database.setting(), "--deadline=10m", "--stripe-attempt-timeout=1s"]).await;
    (world, database, lock)
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn one_tenant_cannot_use_up_the_connections() {
    let (world, database, lock) = blocked().await;
    let slow: Vec<_> = (0..8)
        .map(|_| {
            let mut client = PortalAccessClient::new(world.channel.clone());
            let request = bearer(&world.olivia(), GetPortalAccessRequest::default());
            tokio::spawn(async move { client.get_portal_access(request).await })
        })
        .collect();
    // A quarter of eight connections.
    wait_for_queries(&database, 2).await;
    let gina = world.issuer.token("gina", "globex", "owner");
    assert!(world.access(&gina, "globex").await.unwrap().visible);
    assert_eq!(world.access(&world.olivia(), "acme").await.unwrap_err().reason, "DATABASE_UNAVAILABLE");
    drop(lock.close().await);
    let mut visible = 0;
    for call in slow {
        visible += usize::from(call.await.unwrap().is_ok_and(|response| response.into_inner().visible));
    }
    assert_eq!(visible, 2, "the others waited for the tenant's share in vain");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn query_whose_caller_is_gone_is_cancelled_at_the_server() {
    let (world, database, lock) = blocked().await;
    for gives_up_by_deadline in [true, false] {
        let mut client = PortalAccessClient::new(world.channel.clone());
        let mut request = bearer(&world.olivia(), GetPortalAccessRequest::default());
        if gives_up_by_deadline {
            request.set_timeout(Duration::from_millis(200));
        }
        let call = tokio::spawn(async move { client.get_portal_access(request).await });
        wait_for_queries(&database, 1).await;
        if gives_up_by_deadline {
            call.await.unwrap().unwrap_err();
        } else {
            call.abort();
        }
        wait_for_queries(&database, 0).await;
    }
    drop(lock.close().await);
    assert!(world.access(&world.olivia(), "acme").await.unwrap().visible);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn late_request_to_cancel_does_not_reach_the_query_of_another_caller() {
    let (_, database, mut lock) = blocked().await;
    let mut proxy = Proxy::start().await;
    let limits = ["--database-max-connections=1", "--deadline=10m", "--stripe-attempt-timeout=1s"];
    let world = World::with(&[&[&*proxy.setting(&database)], &limits[..]].concat()).await;
    let call = || {
        let mut client = PortalAccessClient::new(world.channel.clone());
        let request = bearer(&world.olivia(), GetPortalAccessRequest::default());
        tokio::spawn(async move { client.get_portal_access(request).await })
    };
    proxy.holds_cancel.send_replace(true);
    let abandoned = call();
    wait_for_queries(&database, 1).await;
    abandoned.abort();
    proxy.sent.wait_for(|sent| contains(sent, "pg_cancel_backend")).await.unwrap();
    // The abandoned query ends, and the next one begins, before the request arrives.
    sqlx::raw_sql("SELECT pg_advisory_unlock(1), pg_advisory_lock(1)").execute(&mut *lock).await.unwrap();
    let next = call();
    wait_for_queries(&database, 1).await;
    proxy.holds_cancel.send_replace(false);
    // Only the connection that cancels is idle over TCP, once it has executed the request.
    wait_for_connections(&database, 1, "client_addr IS NOT NULL AND state = 'idle' AND query <> ''").await;
    drop(lock.close().await);
    assert!(next.await.unwrap().unwrap().into_inner().visible);
}
