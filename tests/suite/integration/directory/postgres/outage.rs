//! A PostgreSQL server that is down, restarted, paused, blocked, or disconnected without notice.

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
    integration::directory::{TABLES, lookup_outcome},
    support::{ClientError, Postgres, World, postgres::TestDatabase, world::bearer},
};

/// Enough owners that no test reaches the rate limit per user.
const ACME: &str = "INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_A');
    INSERT INTO billing_portal_owners SELECT 'acme', 'olivia' || i FROM generate_series(0, 99) AS i;";

async fn acme(server: &Postgres) -> TestDatabase {
    let database = server.database().await;
    database.run(TABLES).await;
    database.run(ACME).await;
    database
}

/// Calls as the next owner, and returns the reason.
async fn reason(world: &World) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    lookup_outcome(world, &format!("olivia{}", NEXT.fetch_add(1, Ordering::Relaxed) % 100)).await.0
}

/// Makes concurrent calls with a deadline set by the caller, and returns their refusals.
async fn calls(world: &World, count: usize, timeout: Duration) -> Vec<ClientError> {
    // tonic's channel would enforce the deadline itself; this client only sends the header.
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
async fn retries_unreachable_server_at_start_and_recovers_from_later_outages() {
    let server = Postgres::start();
    let database = acme(&server).await;
    server.stop();
    let role = format!("{}:first-secret", database.name);
    let url = format!("--database-url=postgres://{role}@127.0.0.1:{}/{}?sslmode=require", server.port, database.name);
    let world = World::unready(&[&url]).await;
    assert_eq!(reason(&world).await, "DATABASE_UNAVAILABLE");
    world.wait_for_health("", ServingStatus::NotServing).await;

    let started = Instant::now();
    server.start_again();
    world.wait_for_health("", ServingStatus::Serving).await;
    assert!(started.elapsed() < Duration::from_secs(6), "ready after {:?}", started.elapsed());
    assert_eq!(reason(&world).await, "OK");

    // The first call after a restart finds its pooled connections closed, and opens a new one.
    server.stop();
    server.start_again();
    assert_eq!(reason(&world).await, "OK");

    server.stop();
    assert_eq!(reason(&world).await, "DATABASE_UNAVAILABLE");
    world.wait_for_health("", ServingStatus::Serving).await;
    server.start_again();
    assert_eq!(reason(&world).await, "OK");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn paused_server_gets_timeouts_and_recovers() {
    let server = Postgres::start();
    let database = acme(&server).await;
    let world = World::with(&[&database.setting()]).await;
    assert_eq!(reason(&world).await, "OK");
    let backends = "SELECT pid FROM pg_stat_activity WHERE application_name = 'billing-portal'";
    let backends: Vec<i32> = sqlx::query_scalar(backends).fetch_all(&database.admin).await.unwrap();
    assert!(!backends.is_empty());

    server.signal("STOP", &backends).await;
    let refusals = calls(&world, 1, Duration::from_millis(300)).await;
    assert_eq!(refusals[0].reason, "DEADLINE_EXCEEDED");
    // With a long deadline, the wait for a connection times out first.
    let started = Instant::now();
    assert_eq!(calls(&world, 1, Duration::from_secs(60)).await[0].reason, "DATABASE_UNAVAILABLE");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    server.signal("CONT", &backends).await;
    assert_eq!(reason(&world).await, "OK");
}

/// Starts a TCP proxy in front of the server. Changing the returned value silences all current connections in both
/// directions without closing them, as when a machine disappears. Later connections work.
async fn proxy(server_port: u16) -> (u16, watch::Sender<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (cut, cuts) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut cuts = cuts.clone();
            cuts.mark_unchanged();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", server_port)).await.unwrap();
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
async fn silently_lost_connections_are_replaced() {
    for ssl_mode in ["disable", "require"] {
        check_silently_lost_connections(ssl_mode).await;
    }
}

async fn check_silently_lost_connections(ssl_mode: &str) {
    let server = Postgres::shared();
    let database = acme(server).await;
    let (port, cut) = proxy(server.port).await;
    let role = format!("{}:first-secret", database.name);
    let url = format!("--database-url=postgres://{role}@127.0.0.1:{port}/{}?sslmode={ssl_mode}", database.name);
    let world = World::with(&[&url, "--deadline=4s", "--database-max-connections=1"]).await;
    assert_eq!(reason(&world).await, "OK");
    let mut lock = database.admin.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE billing_portal_tenants").execute(&mut *lock).await.unwrap();
    let waiting = calls(&world, 1, Duration::from_secs(60));
    let cutting = async {
        // Wait until the call is blocked by the lock at the server.
        let wait = "SET statement_timeout = '30s'; DO $$ BEGIN
            WHILE (SELECT count(*) < 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock') LOOP
                PERFORM pg_stat_clear_snapshot(), pg_sleep(0.01);
            END LOOP; END $$";
        database.run(wait).await;
        cut.send_replace(1);
    };
    for refusal in tokio::join!(waiting, cutting).0 {
        assert_eq!(refusal.reason, "DEADLINE_EXCEEDED");
    }
    lock.rollback().await.unwrap();
    // The only connection of the pool is dead. It is replaced one second after the statement timeout.
    let recovered = async { while world.access(&world.olivia(), "").await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(30), recovered).await.expect("the pool does not recover");
    assert_eq!(reason(&world).await, "OK");
}
