//! PostgreSQL: nothing in the session decides what is read, and nothing is left in it.

use std::time::Duration;

use billing_portal::{
    adapters::directory::{Address, ConnectionLimits, Database, Host, Password, SqlDirectory},
    portal::{CustomerId, Directory as _, Mapping, TenantId, UserId},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{ACME, failover::look_up, fairness::wait_for_queries, start, views, world_with};
use crate::{
    integration::directory::{TABLES, lookup_outcome},
    support::{Postgres, World, postgres::TestDatabase},
};

/// A TCP proxy in front of the server.
pub(super) struct Proxy {
    pub(super) port: u16,
    /// Everything that clients have sent.
    pub(super) sent: watch::Receiver<Vec<u8>>,
    /// Whether requests to cancel a query are held back.
    pub(super) holds_cancel: watch::Sender<bool>,
}

impl Proxy {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (record, sent) = watch::channel(Vec::new());
        let (holds_cancel, holds) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (record, mut holds) = (record.clone(), holds.clone());
                let (mut client_reader, mut client_writer) = client.into_split();
                let server = TcpStream::connect(("127.0.0.1", Postgres::shared().port)).await.unwrap();
                let (mut server_reader, mut server_writer) = server.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut server_reader, &mut client_writer).await });
                tokio::spawn(async move {
                    let mut bytes = vec![0; 65_536];
                    while let Ok(read @ 1..) = client_reader.read(&mut bytes).await {
                        record.send_modify(|sent| sent.extend_from_slice(&bytes[..read]));
                        if contains(&bytes[..read], "pg_cancel_backend") {
                            holds.wait_for(|holds| !holds).await.unwrap();
                        }
                        server_writer.write_all(&bytes[..read]).await.unwrap();
                    }
                });
            }
        });
        Self { port, sent, holds_cancel }
    }

    /// Returns a setting with which the service connects through the proxy.
    pub(super) fn setting(&self, database: &TestDatabase) -> String {
        let (name, port) = (&database.name, self.port);
        format!("--database-url=postgres://{name}:first-secret@127.0.0.1:{port}/{name}?sslmode=disable")
    }
}

pub(super) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn nothing_is_set_for_the_session() {
    let (_world, database) = world_with(&format!("{TABLES} {ACME}"), &[]).await;
    let proxy = Proxy::start().await;
    let world = World::with(&[&proxy.setting(&database)]).await;
    assert_eq!(lookup_outcome(&world, "olivia").await.0, "OK");
    let sent = String::from_utf8_lossy(&proxy.sent.borrow()).into_owned();
    let settings: Vec<_> = sent.split("SET ").skip(1).collect();
    assert!(settings.len() >= 3 && settings.iter().all(|setting| setting.starts_with("LOCAL ")), "{sent}");
    assert!(sent.contains("READ ONLY") && sent.contains("ROLLBACK"), "{sent}");
    // PgBouncer refuses a connection with other startup parameters than these.
    let startup = sent.split("BEGIN").next().unwrap();
    for refused in ["extra_float_digits", "options", "search_path", "statement_timeout"] {
        assert!(!startup.contains(refused), "{refused}: {startup}");
    }
}

/// A directory that connects through the proxy, without background probes, so that a test makes every query.
fn directory(proxy: &Proxy, database: &TestDatabase) -> SqlDirectory {
    let address = Address { host: Host::Name("127.0.0.1".to_owned()), port: proxy.port };
    let limits = ConnectionLimits { max_connections: 1, query: Duration::from_secs(10) };
    let Database::Postgres(mut servers) = database.on(vec![address]) else { panic!("not PostgreSQL") };
    servers.password = Some(Password::parse(b"first-secret").unwrap());
    SqlDirectory::new(&Database::Postgres(servers), None, &views(), limits)
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn query_is_one_round_trip_and_is_repeated_if_its_connection_was_closed() {
    let (_world, database) = world_with(&format!("{TABLES} {ACME}"), &[]).await;
    let proxy = Proxy::start().await;
    let directory = directory(&proxy, &database);
    for _ in 0..10 {
        look_up(&directory).await.unwrap();
    }
    let sent = proxy.sent.borrow().clone();
    let queries = sent.windows(5).filter(|bytes| *bytes == b"BEGIN").count();
    let tests = sent.windows(5).filter(|bytes| *bytes == b"S\0\0\0\x04").count();
    // A test is necessary only after a pause of a second.
    assert!(queries == 10 && tests <= 1, "{queries} queries, {tests} tests of the connection");

    let close = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_database()";
    database.run(close).await;
    look_up(&directory).await.unwrap();
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn query_is_prepared_once_and_still_sees_every_change() {
    let (_world, database) = world_with(&format!("{TABLES} {ACME}"), &[]).await;
    let proxy = Proxy::start().await;
    let directory = directory(&proxy, &database);
    let customer = async |user: &str| {
        let (tenant, user) = (TenantId::parse("acme").unwrap(), UserId::parse(user).unwrap());
        let entry = directory.look_up(&tenant, &user).await.unwrap();
        (entry.is_owner, entry.mapping)
    };
    let mapped = |id: &str| Mapping::Customer(CustomerId::parse(id).unwrap());
    for _ in 0..12 {
        assert_eq!(customer("olivia").await, (true, mapped("cus_A")));
        assert_eq!(customer("mallory").await, (false, mapped("cus_A")));
    }
    let sent = String::from_utf8_lossy(&proxy.sent.borrow()).into_owned();
    assert_eq!((sent.matches("PREPARE ").count(), sent.matches("EXECUTE ").count()), (1, 24 - 5), "{sent}");

    for (change, expected) in [
        ("UPDATE billing_portal_tenants SET stripe_customer_id = 'cus_B'", (true, mapped("cus_B"))),
        ("DELETE FROM billing_portal_owners", (false, mapped("cus_B"))),
        (
            "ALTER TABLE billing_portal_tenants RENAME TO tenants;
             CREATE VIEW billing_portal_tenants AS SELECT tenant_id, NULL AS stripe_customer_id FROM tenants",
            (false, Mapping::None),
        ),
        (
            "CREATE OR REPLACE VIEW billing_portal_tenants AS SELECT tenant_id, 'cus_C' AS stripe_customer_id FROM tenants",
            (false, mapped("cus_C")),
        ),
    ] {
        let grant = format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}", database.name);
        database.run(&format!("{change}; {grant}")).await;
        assert_eq!(customer("olivia").await, expected, "{change}");
    }
    let sent = String::from_utf8_lossy(&proxy.sent.borrow()).into_owned();
    assert_eq!(sent.matches("PREPARE ").count(), 1, "{sent}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn relations_of_another_schema_or_search_path_are_not_read() {
    let (world, database) = world_with(&format!("{TABLES} {ACME}"), &[]).await;
    let role = &database.name;
    assert_eq!(lookup_outcome(&world, "olivia").await.0, "OK");
    // PostgreSQL looks names up in the schema "$user" first. The connection of the service is open already.
    let shadows = format!(
        "CREATE SCHEMA {role}; SET search_path = {role}; {TABLES}
         INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_B');
         INSERT INTO billing_portal_owners VALUES ('acme', 'mallory'); RESET search_path;
         GRANT USAGE ON SCHEMA {role} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {role} TO {role};"
    );
    database.run(&shadows).await;
    for path in ["DEFAULT", "'nowhere'", "pg_temp, public"] {
        database.run(&format!("ALTER ROLE {role} SET search_path = {path}")).await;
        let world = World::with(&[&database.setting()]).await;
        assert_eq!(lookup_outcome(&world, "mallory").await.0, "NOT_OWNER", "{path}");
        assert_eq!(lookup_outcome(&world, "olivia").await.0, "OK", "{path}");
    }
    assert_eq!(lookup_outcome(&world, "mallory").await.0, "NOT_OWNER");
    assert_eq!(lookup_outcome(&world, "olivia").await.0, "OK");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn function_cannot_leave_read_only_mode_or_settings_behind() {
    let (_world, database) = world_with(&format!("{TABLES} {ACME}"), &[]).await;
    let role = &database.name;
    // Each call tries to write, and unlocks the session for the next one. Every setting of the session becomes visible as the
    // customer, which is malformed if one of them survived.
    let hostile = format!(
        "CREATE TABLE written (what text); GRANT ALL ON written TO {role};
         CREATE FUNCTION unlock() RETURNS text LANGUAGE plpgsql AS $$
         DECLARE found text := current_setting('default_transaction_read_only') || current_setting('work_mem');
         BEGIN
            PERFORM set_config('default_transaction_read_only', 'off', false), set_config('work_mem', '64MB', false);
            BEGIN INSERT INTO public.written VALUES ('row'); EXCEPTION WHEN read_only_sql_transaction THEN NULL; END;
            RETURN CASE found WHEN 'on' || '4MB' THEN 'cus_A' ELSE found END;
         END $$;
         ALTER ROLE {role} SET default_transaction_read_only = on;
         ALTER TABLE billing_portal_tenants RENAME TO tenants;
         CREATE VIEW billing_portal_tenants AS SELECT tenant_id, unlock() AS stripe_customer_id FROM tenants;"
    );
    database.run(&hostile).await;
    let world = World::with(&[&database.setting(), "--database-max-connections=1"]).await;
    for _ in 0..3 {
        assert_eq!(lookup_outcome(&world, "olivia").await, ("OK".to_owned(), None));
    }
    let written: i64 = sqlx::query_scalar("SELECT count(*) FROM written").fetch_one(&database.admin).await.unwrap();
    assert_eq!(written, 0);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn texts_of_notices_and_warnings_are_not_logged() {
    let (_world, database) = world_with(&format!("{TABLES} {ACME}"), &[]).await;
    let noisy = "CREATE FUNCTION noisy(text) RETURNS text LANGUAGE plpgsql AS
            $$ BEGIN RAISE NOTICE 'secret-note'; RAISE WARNING 'secret-warning'; RETURN $1; END $$;
         ALTER TABLE billing_portal_tenants RENAME TO tenants;
         CREATE VIEW billing_portal_tenants AS SELECT tenant_id, stripe_customer_id FROM tenants WHERE noisy('x') IS NOT NULL;";
    database.run(noisy).await;
    let (_folder, mut service) = start(&[&database.setting()], &[]);
    service.wait_for_log("ready").await;
    let log = service.stop().await;
    assert!(!log.contains("secret-"), "{log}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn query_that_waits_for_a_change_sees_it() {
    let (_world, database) = world_with(&format!("{TABLES} {ACME}"), &[]).await;
    for isolation in ["read committed", "repeatable read", "serializable"] {
        database
            .run("DELETE FROM billing_portal_owners; INSERT INTO billing_portal_owners VALUES ('acme', 'olivia')")
            .await;
        let role = &database.name;
        database.run(&format!("ALTER ROLE {role} SET default_transaction_isolation = '{isolation}'")).await;
        let world = World::with(&[&database.setting()]).await;
        let mut change = database.admin.begin().await.unwrap();
        let remove = "LOCK TABLE billing_portal_owners; DELETE FROM billing_portal_owners";
        sqlx::raw_sql(remove).execute(&mut *change).await.unwrap();
        let token = world.olivia();
        let removal = async {
            wait_for_queries(&database, 1).await;
            change.commit().await.unwrap();
        };
        let (response, ()) = tokio::join!(world.access(&token, "acme"), removal);
        assert!(!response.unwrap().visible, "{isolation}");
    }
}
