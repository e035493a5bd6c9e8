//! A server that is down, restarted, silent, slow, or gone without a word.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use billing_portal::grpc::proto::{GetPortalAccessRequest, portal_access_client::PortalAccessClient};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tonic::transport::Uri;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::{
    integration::directory::{TABLES, told},
    support::{ClientError, Postgres, World, postgres::TestDatabase, world::bearer},
};

/// With so many owners that no limit a person is met.
const ACME: &str = "INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_A');
    INSERT INTO billing_portal_owners SELECT 'acme', 'olivia' || i FROM generate_series(0, 99) AS i;";

/// As many as the pool has.
const CONNECTIONS: usize = 8;

async fn acme(server: &Postgres) -> TestDatabase {
    let database = server.database().await;
    database.run(TABLES).await;
    database.run(ACME).await;
    database
}

/// What the next owner is told.
async fn reason(world: &World) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    told(world, &format!("olivia{}", NEXT.fetch_add(1, Ordering::Relaxed) % 100)).await.0
}

/// Calls with a deadline of the caller's own, all at once; each is refused.
async fn calls(world: &World, count: usize, timeout: Duration) -> Vec<ClientError> {
    // The usual channel would end the call by its own clock; this one only sends.
    let channel = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<tonic::body::Body>();
    let origin: Uri = format!("http://{}", world.address).parse().unwrap();
    let calls = (0..count).map(|_| {
        let mut request = bearer(&world.olivia(), GetPortalAccessRequest::default());
        request.metadata_mut().insert("grpc-timeout", format!("{}m", timeout.as_millis()).parse().unwrap());
        let mut client = PortalAccessClient::with_origin(channel.clone(), origin.clone());
        async move { ClientError::of(&client.get_portal_access(request).await.unwrap_err()) }
    });
    futures_util::future::join_all(calls).await
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn a_server_that_is_down_at_the_start_is_tried_again_and_later_outages_mend_by_themselves() {
    let server = Postgres::start();
    let database = acme(&server).await;
    server.stop();
    let role = format!("{}:first-secret", database.name);
    let url = format!("--database-url=postgres://{role}@127.0.0.1:{}/{}?sslmode=require", server.port, database.name);
    let world = World::unready(&[&url]).await;
    assert_eq!(reason(&world).await, "DATABASE_UNAVAILABLE");
    world.health_is("", ServingStatus::NotServing).await;

    let started = Instant::now();
    server.start_again();
    world.health_is("", ServingStatus::Serving).await;
    assert!(started.elapsed() < Duration::from_secs(6), "tried again after {:?}", started.elapsed());
    assert_eq!(reason(&world).await, "OK");

    // The first call after a restart finds the old connections dead, and opens a new one.
    server.stop();
    server.start_again();
    assert_eq!(reason(&world).await, "OK");

    server.stop();
    assert_eq!(reason(&world).await, "DATABASE_UNAVAILABLE");
    world.health_is("", ServingStatus::Serving).await;
    server.start_again();
    assert_eq!(reason(&world).await, "OK");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn a_server_that_is_silent_is_no_answer_and_goes_on_where_it_was() {
    let server = Postgres::start();
    let database = acme(&server).await;
    let world = World::with(&[&database.setting()]).await;
    assert_eq!(reason(&world).await, "OK");
    let backends = "SELECT pid FROM pg_stat_activity WHERE application_name = 'billing-portal'";
    let backends: Vec<i32> = sqlx::query_scalar(backends).fetch_all(&database.admin).await.unwrap();
    assert!(!backends.is_empty());

    server.signal("STOP", &backends).await;
    let told = calls(&world, 1, Duration::from_millis(300)).await;
    assert_eq!(told[0].reason, "DEADLINE_EXCEEDED");
    // Without a deadline of the caller's, the wait for a connection ends first.
    let started = Instant::now();
    assert_eq!(calls(&world, 1, Duration::from_secs(60)).await[0].reason, "DATABASE_UNAVAILABLE");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    server.signal("CONT", &backends).await;
    assert_eq!(reason(&world).await, "OK");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn queries_that_nobody_waits_for_end_at_the_server_and_leave_the_pool_usable() {
    let database = acme(Postgres::shared()).await;
    let world = World::with(&[&database.setting(), "--deadline=4s", "--stripe-attempt-timeout=1s"]).await;
    let mut lock = database.admin.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE billing_portal_tenants").execute(&mut *lock).await.unwrap();

    // Each waits for the lock on a connection of its own, and gives up.
    for told in calls(&world, CONNECTIONS, Duration::from_millis(500)).await {
        assert_eq!(told.reason, "DEADLINE_EXCEEDED");
    }
    // The connections are still in use, so the next call gets none; it is told so before its own time is over.
    let started = Instant::now();
    let told = calls(&world, 1, Duration::from_secs(60)).await;
    assert_eq!(told[0].reason, "DATABASE_UNAVAILABLE");
    assert!(started.elapsed() < Duration::from_millis(3_500), "{:?}", started.elapsed());
    // The server ends each query when it has run for as long as any call may take. This ends, too, or fails.
    let wait = "SET statement_timeout = '10s'; DO $$ BEGIN
        WHILE EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'billing-portal'
                AND state = 'active') LOOP
            PERFORM pg_sleep(0.02);
            PERFORM pg_stat_clear_snapshot();
        END LOOP; END $$";
    database.run(wait).await;
    lock.rollback().await.unwrap();
    assert_eq!(reason(&world).await, "OK");
    let connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'billing-portal'";
    let connections: i64 = sqlx::query_scalar(connections).fetch_one(&database.admin).await.unwrap();
    assert!((1..=8).contains(&connections), "{connections} connections");
}

/// Stands before the server. What goes through it when it is told to cut is never heard of again, in either direction; it
/// is not closed either, as when a machine is gone. What connects later gets through.
async fn proxy(to: u16) -> (u16, watch::Sender<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (cut, cuts) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut cuts = cuts.clone();
            cuts.mark_unchanged();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                    _ = cuts.changed() => std::future::pending().await,
                }
            });
        }
    });
    (port, cut)
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn connections_to_a_server_that_is_gone_without_a_word_do_not_keep_their_places() {
    for ssl_mode in ["disable", "require"] {
        lose_connections(ssl_mode).await;
    }
}

async fn lose_connections(ssl_mode: &str) {
    let server = Postgres::shared();
    let database = acme(server).await;
    let (port, cut) = proxy(server.port).await;
    let role = format!("{}:first-secret", database.name);
    let url = format!("--database-url=postgres://{role}@127.0.0.1:{port}/{}?sslmode={ssl_mode}", database.name);
    let world = World::with(&[&url, "--deadline=4s"]).await;
    assert_eq!(reason(&world).await, "OK");
    let mut lock = database.admin.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE billing_portal_tenants").execute(&mut *lock).await.unwrap();
    let waiting = calls(&world, CONNECTIONS, Duration::from_secs(60));
    let cutting = async {
        // Once all of them wait at the server, for the lock.
        let wait = "SET statement_timeout = '30s'; DO $$ BEGIN
            WHILE (SELECT count(*) < 8 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock') LOOP
                PERFORM pg_stat_clear_snapshot(), pg_sleep(0.01);
            END LOOP; END $$";
        database.run(wait).await;
        cut.send_replace(1);
    };
    for told in tokio::join!(waiting, cutting).0 {
        assert_eq!(told.reason, "DEADLINE_EXCEEDED");
    }
    lock.rollback().await.unwrap();
    // All places are taken by connections that will never answer; a second after a statement's time they are free again.
    let mended = async { while world.access(&world.olivia(), "").await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(30), mended).await.expect("the pool never mends");
    assert_eq!(reason(&world).await, "OK");
}
