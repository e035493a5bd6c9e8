//! PgBouncer in front of the server, in both modes and with its default settings.

use billing_portal::grpc::proto::{GetPortalAccessRequest, portal_access_client::PortalAccessClient};
use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgPoolOptions};
use tokio::task::JoinSet;

use super::{
    ACME,
    failover::{directory, look_up},
    fairness::{SLOW, wait_for_queries},
};
use crate::{
    integration::directory::TABLES,
    support::{PgBouncer, Postgres, World, world::bearer},
};

/// With few connections to the server, clients share them. In session mode, each client has its own.
const MODES: [&str; 2] = ["pool_mode = session", "pool_mode = transaction\ndefault_pool_size = 4"];

/// The number of calls in flight.
const CALLS: usize = 32;

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer: `tests/run` installs them"]
async fn calls_and_writes_share_the_sessions_of_a_pooler() {
    for mode in MODES {
        let database = Postgres::shared().database().await;
        let role = &database.name;
        let schema = format!(
            "{TABLES} CREATE TABLE notes (note text); GRANT INSERT ON notes TO {role};
             INSERT INTO billing_portal_tenants SELECT 'tenant' || i, 'cus_' || i FROM generate_series(1, {CALLS}) AS i;
             INSERT INTO billing_portal_owners SELECT 'tenant' || i, 'owner' || i FROM generate_series(1, {CALLS}) AS i;"
        );
        database.run(&schema).await;
        let pooler = PgBouncer::start(Postgres::shared(), &database, mode);
        let world = World::with(&[&pooler.setting(&database)]).await;
        let options = pooler.options(&database);
        let writers = PgPoolOptions::new().max_connections(2).connect_with(options).await.unwrap();

        let mut calls = JoinSet::new();
        for number in 1..=CALLS {
            let mut client = PortalAccessClient::new(world.channel.clone());
            let token = world.issuer.token(&format!("owner{number}"), &format!("tenant{number}"), "owner");
            calls.spawn(async move {
                for _ in 0..10 {
                    let call = client.get_portal_access(bearer(&token, GetPortalAccessRequest::default()));
                    assert!(call.await.unwrap().into_inner().visible);
                }
            });
        }
        let mut writes = 0;
        while !calls.is_empty() {
            // Every setting that a call uses must have its default here, and a write must be possible.
            let write = "INSERT INTO notes SELECT concat_ws(' ', current_setting('transaction_read_only'),
                current_setting('row_security'), current_setting('statement_timeout'), current_setting('bytea_output'),
                current_setting('search_path'), current_setting('transaction_isolation'))";
            sqlx::raw_sql(write).execute(&writers).await.unwrap();
            writes += 1;
            while let Some(call) = calls.try_join_next() {
                call.unwrap();
            }
        }
        let notes: Vec<(String, i64)> =
            sqlx::query_as("SELECT note, count(*) FROM notes GROUP BY note").fetch_all(&database.admin).await.unwrap();
        assert_eq!(notes, [("off on 0 hex \"$user\", public read committed".to_owned(), writes)], "{mode}");
        let prepared = "SELECT count(*) FROM pg_prepared_statements";
        let prepared: i64 = sqlx::raw_sql(prepared).fetch_one(&writers).await.unwrap().get(0);
        // A connection prepares at most one before the pooler is noticed.
        assert!(prepared <= 8, "{mode}: {prepared}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer: `tests/run` installs them"]
async fn prepared_query_is_repeated_as_text_when_a_pooler_changes_the_session() {
    let database = Postgres::shared().database().await;
    database.run(&format!("{TABLES} {ACME}")).await;
    let pooler = PgBouncer::start(Postgres::shared(), &database, "pool_mode = transaction");
    let directory = directory(&database, &[pooler.socket()]);
    let count = "SELECT count(*) FROM pg_prepared_statements";
    let prepared =
        async |client: &mut PgConnection| -> i64 { sqlx::raw_sql(count).fetch_one(client).await.unwrap().get(0) };
    for _ in 0..10 {
        look_up(&directory).await.unwrap();
    }
    // Nobody else uses the pooler, so it seems to be a server. Another client now keeps the only session.
    let mut other = PgConnection::connect_with(&pooler.options(&database)).await.unwrap();
    sqlx::raw_sql("BEGIN").execute(&mut other).await.unwrap();
    assert_eq!(prepared(&mut other).await, 1);
    look_up(&directory).await.unwrap();
    for _ in 0..20 {
        look_up(&directory).await.unwrap();
    }
    let mut another = PgConnection::connect_with(&pooler.options(&database)).await.unwrap();
    assert_eq!(prepared(&mut another).await, 0, "a pooler that was noticed is forgotten");
}

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer: `tests/run` installs them"]
async fn abandoned_query_is_canceled_through_a_pooler() {
    for mode in MODES {
        let database = Postgres::shared().database().await;
        database.run(&format!("{TABLES} {ACME} {SLOW}")).await;
        let mut lock = database.admin.acquire().await.unwrap();
        sqlx::raw_sql("SELECT pg_advisory_lock(1)").execute(&mut *lock).await.unwrap();
        let pooler = PgBouncer::start(Postgres::shared(), &database, mode);
        let setting = pooler.setting(&database);
        let world = World::with(&[&setting, "--deadline=10m", "--stripe-attempt-timeout=1s"]).await;
        let mut client = PortalAccessClient::new(world.channel.clone());
        let request = bearer(&world.olivia(), GetPortalAccessRequest::default());
        let call = tokio::spawn(async move { client.get_portal_access(request).await });
        wait_for_queries(&database, 1).await;
        call.abort();
        wait_for_queries(&database, 0).await;
        drop(lock.close().await);
        assert!(world.access(&world.olivia(), "acme").await.unwrap().visible, "{mode}");
    }
}
