//! PostgreSQL: several servers, of which one is the primary.

use std::time::{Duration, Instant};

use billing_portal::{
    adapters::directory::{Address, ConnectionLimits, Host, SqlDirectory},
    portal::{Directory as _, Reason, Refusal, TenantId, UserId},
};
use futures_util::future::join_all;
use tokio::net::TcpListener;

use super::{ACME, start, views};
use crate::{
    integration::directory::TABLES,
    support::{
        PgBouncer, Postgres, World,
        postgres::TestDatabase,
        process::{run, text},
    },
};

const USED: &str = "database server is used";
const NOT_USED: &str = "database server is not used";

async fn acme(server: &Postgres) -> TestDatabase {
    let database = server.database().await;
    database.run(&format!("{TABLES} {ACME}")).await;
    database
}

/// The setting for servers on these ports, with TCP and a password.
fn setting(database: &TestDatabase, ports: &[u16], more: &str) -> String {
    let hosts: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    format!("--database-url=postgres://{0}:first-secret@{1}/{0}{more}", database.name, hosts.join(","))
}

/// A directory without background probes, so that a test makes every query. The ports are those of sockets in the folders.
pub(super) fn directory(database: &TestDatabase, sockets: &[(&std::path::Path, u16)]) -> SqlDirectory {
    let address = |(folder, port): &(&std::path::Path, u16)| Address { host: Host::Socket(folder.into()), port: *port };
    let servers = database.on(sockets.iter().map(address).collect());
    let limits = ConnectionLimits { max_connections: 8, query: Duration::from_secs(10) };
    SqlDirectory::new(&servers, None, &views(), limits)
}

pub(super) async fn look_up(directory: &SqlDirectory) -> Result<(), Refusal> {
    directory.look_up(&TenantId::parse("acme").unwrap(), &UserId::parse("olivia").unwrap()).await.map(drop)
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn promoted_standby_takes_over_without_restart() {
    let primary = Postgres::start();
    let standby = primary.start_standby();
    let database = acme(&primary).await;
    database.wait_for_standby().await;
    let (old, new) = (format!("127.0.0.1:{}", primary.port), format!("127.0.0.1:{}", standby.port));
    let both = setting(&database, &[primary.port, standby.port], "?target_session_attrs=read-write");
    let (_folder, mut service) = start(&[&both], &[]);
    assert_eq!(service.wait_for_log(USED).await["address"], old);
    service.wait_for_log("ready").await;
    let directory = directory(&database, &[(primary.folder(), primary.port), (standby.folder(), standby.port)]);
    look_up(&directory).await.unwrap();

    primary.kill();
    let refusal = look_up(&directory).await.unwrap_err();
    assert_eq!(refusal.reason(), Reason::DatabaseUnavailable);
    let cause = refusal.to_string();
    assert!(
        cause.starts_with("directory is a standby") && cause.matches("billing-portal-postgres-").count() == 2,
        "{cause}"
    );
    while service.wait_for_log("directory is not available").await["kind"] != "standby" {}

    standby.promote();
    for outcome in join_all((0..8).map(|_| look_up(&directory))).await {
        outcome.unwrap();
    }
    assert_eq!(service.wait_for_log(USED).await["address"], new);
    service.wait_for_log("directory is available again").await;
    // A process that starts while the first server is down, and one that starts when it has become a standby.
    for kind in ["connection", "standby"] {
        if kind == "standby" {
            primary.start_as_standby();
        }
        let (_folder, mut service) = start(&[&both], &[]);
        let refused = service.wait_for_log(NOT_USED).await;
        assert_eq!((&refused["address"], &refused["kind"]), (&old.clone().into(), &kind.into()), "{refused}");
        assert_eq!(service.wait_for_log(USED).await["address"], new);
        service.wait_for_log("ready").await;
        assert!(!service.stop().await.contains("first-secret"));
    }

    let world = World::with(&[&both]).await;
    world.stripe.add_customer(stripe_simulator::Customer::new("cus_A").metadata("tenant_id", "acme"));
    let audit = run(&world, &["audit-mapping"], &[&both]).await;
    assert!(text(&audit.stderr).contains("1 tenant: 1 verified"), "{}", text(&audit.stderr));
    for server in [&primary, &standby] {
        server.kill();
    }
    for command in ["check", "audit-mapping"] {
        let output = run(&world, &[command], &[&both]).await;
        let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{command}: {printed}");
        assert!(printed.contains(&old) && printed.contains(&new), "{command}: {printed}");
        assert!(!printed.contains("first-secret"), "{command}: {printed}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer: `tests/run` installs them"]
async fn connection_that_outlives_a_demotion_fails_once() {
    let demoted = Postgres::start();
    let promoted = demoted.start_standby();
    let database = acme(&demoted).await;
    database.wait_for_standby().await;
    // The pooler keeps its clients connected while its server restarts.
    let pooler = PgBouncer::start(&demoted, &database, "pool_mode = transaction");
    let directory = directory(&database, &[pooler.socket(), (promoted.folder(), promoted.port)]);
    look_up(&directory).await.unwrap();
    promoted.promote();
    demoted.restart_as_standby();
    let refusal = look_up(&directory).await.unwrap_err();
    assert_eq!(refusal.reason(), Reason::DatabaseUnavailable);
    assert!(refusal.to_string().starts_with("directory is a standby"), "{refusal}");
    look_up(&directory).await.unwrap();
}

/// Accepts connections and never responds.
async fn silent_server() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn server_that_does_not_respond_uses_only_its_share_of_the_time() {
    let database = acme(Postgres::shared()).await;
    let (_listener, silent) = silent_server().await;
    let both = setting(&database, &[silent, Postgres::shared().port], "");
    let world = tokio::time::timeout(Duration::from_secs(30), World::with(&[&both])).await.expect("never ready");
    assert!(world.access(&world.olivia(), "acme").await.unwrap().visible);

    let world = World::unready(&[&setting(&database, &[silent], "?connect_timeout=1")]).await;
    let started = Instant::now();
    assert_eq!(world.access(&world.olivia(), "acme").await.unwrap_err().reason, "DATABASE_UNAVAILABLE");
    // Without connect_timeout, it would be 3 s.
    assert!(started.elapsed() < Duration::from_millis(2500), "{:?}", started.elapsed());
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn each_server_is_verified_by_its_own_name() {
    let (database, server) = (acme(Postgres::shared()).await, Postgres::shared());
    // The certificate is for localhost.
    let (url, port) = (setting(&database, &[server.port], ""), server.port);
    let url = url.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{port},localhost:{port}"));
    let (_folder, mut service) =
        start(&[&format!("{url}?sslmode=verify-full&sslrootcert={}", server.ca_file().display())], &[]);
    let refused = service.wait_for_log(NOT_USED).await;
    assert!(refused["cause"].to_string().contains("not valid for name"), "{refused}");
    assert_eq!(service.wait_for_log(USED).await["address"], format!("localhost:{port}"));
    service.wait_for_log("ready").await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn application_name_is_visible_at_the_server() {
    let database = acme(Postgres::shared()).await;
    let world = World::with(&[&format!("{}?application_name=portal%20eu", database.setting())]).await;
    assert!(world.access(&world.olivia(), "acme").await.unwrap().visible);
    let names = "SELECT DISTINCT application_name FROM pg_stat_activity WHERE usename = current_database()";
    let names: Vec<String> = sqlx::query_scalar(names).fetch_all(&database.admin).await.unwrap();
    assert_eq!(names, ["portal eu"]);
}
