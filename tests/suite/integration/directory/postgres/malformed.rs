//! A server whose first messages are malformed, such as a port that another program has taken over. The driver panics then.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::ACME;
use crate::{
    integration::directory::{TABLES, lookup_outcome},
    support::{Postgres, World},
};

/// The AuthenticationOk and ReadyForQuery messages (PostgreSQL documentation, message formats).
const AUTHENTICATED: &[u8] = b"R\0\0\0\x08\0\0\0\0";
const READY: &[u8] = b"Z\0\0\0\x05I";

/// What the server sends, and what is wrong with it.
const REPLIES: [(&[&[u8]], &str); 8] = [
    (&[b"R\0\0\0\x04"], "authentication message without a body"),
    (&[b"R\0\0\0\0"], "length that does not include itself"),
    (&[b"R\0\0\0\x0a\0\0\0\x05ab"], "short salt of an MD5 password"),
    (&[b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0", b"R\0\0\0\x08\0\0\0\x0b"], "empty SCRAM challenge"),
    (&[AUTHENTICATED, b"K\0\0\0\x06\0\0", READY], "short BackendKeyData"),
    (&[AUTHENTICATED, b"Z\0\0\0\x04"], "ReadyForQuery without a body"),
    (&[AUTHENTICATED, READY, b"Z\0\0\0\x04"], "ReadyForQuery without a body, in place of the result of BEGIN"),
    (&[b"HTTP/1.1 400 Bad Request\r\n\r\n"], "another protocol"),
];

/// Starts a server that sends the reply on each connection. Once the returned value is dropped, it is a proxy for the real one.
async fn fake_server(reply: Vec<u8>, server_port: u16) -> (u16, watch::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (malformed, until) = watch::channel(());
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let (reply, is_malformed) = (reply.clone(), until.has_changed().is_ok());
            tokio::spawn(async move {
                if is_malformed {
                    // The startup message, of which only the arrival matters.
                    drop(client.read_u8().await);
                    drop(client.write_all(&reply).await);
                    drop(client.read_to_end(&mut Vec::new()).await);
                } else {
                    let mut server = TcpStream::connect(("127.0.0.1", server_port)).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
                }
            });
        }
    });
    (port, malformed)
}

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn malformed_reply_is_database_unavailable_and_ends_without_restart() {
    let cases = REPLIES.map(|(reply, description)| async move {
        let server = Postgres::shared();
        let database = server.database().await;
        database.run(TABLES).await;
        database.run(ACME).await;
        let (port, malformed) = fake_server(reply.concat(), server.port).await;
        let role = format!("{}:first-secret", database.name);
        let url = format!("--database-url=postgres://{role}@127.0.0.1:{port}/{}?sslmode=disable", database.name);
        // A single connection, so that one that is never returned would be missed.
        let world = World::unready(&[&url, "--database-max-connections=1"]).await;
        let refusal = world.access(&world.olivia(), "").await.unwrap_err();
        assert_eq!(refusal.reason, "DATABASE_UNAVAILABLE", "{description}");
        for service in ["", "billing.portal.v1.PortalAccess", "billing.portal.v1.BillingPortal"] {
            let request = HealthCheckRequest { service: service.to_owned() };
            let status = HealthClient::new(world.channel.clone()).check(request).await.unwrap().into_inner().status();
            assert_eq!(status, ServingStatus::NotServing, "{description}");
        }
        drop(malformed);
        world.wait_for_health("", ServingStatus::Serving).await;
        world.wait_for_health("billing.portal.v1.BillingPortal", ServingStatus::Serving).await;
        assert_eq!(lookup_outcome(&world, "olivia").await.0, "OK", "{description}");
    });
    futures_util::future::join_all(cases).await;
}
