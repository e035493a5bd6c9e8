//! Integration: a server that never ends one response. What the service reads for one exchange is limited, whatever it is.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tonic_health::pb::health_check_response::ServingStatus;

use crate::support::{World, stripe::alter};

/// The service reads at most 256 KiB; everything else is in the buffers of the system.
const MAX_SENT: u64 = 16 * 1024 * 1024;

/// Reads the head of a request, and then repeats `part` until the connection is closed. Returns the number of bytes sent.
async fn never_end(mut stream: TcpStream, beginning: &str, part: &[u8]) -> u64 {
    let mut request = Vec::new();
    while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let read = stream.read_buf(&mut request).await.unwrap();
        assert!(read > 0, "the service closed the connection before its request was complete");
    }
    let mut sent = 0;
    if stream.write_all(beginning.as_bytes()).await.is_ok() {
        let parts = part.repeat(1 + 16_384 / part.len());
        while stream.write_all(&parts).await.is_ok() {
            sent += parts.len() as u64;
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_response_is_cut_off_whatever_repeats() {
    const PROTOCOL: &str = "STRIPE_PROTOCOL";
    // The HTTP library has a lower limit of its own, after which the connection counts as lost.
    const UNAVAILABLE: &str = "STRIPE_UNAVAILABLE";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (reason, what, beginning, part) in [
        (PROTOCOL, "interim responses", "", "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"),
        (PROTOCOL, "status line", "HTTP/1.1 200 ", "O"),
        (PROTOCOL, "header", "HTTP/1.1 200 OK\r\nX-Endless: ", "a"),
        (UNAVAILABLE, "headers", "HTTP/1.1 200 OK\r\n", "X-Again: a\r\n"),
        (PROTOCOL, "chunk size", CHUNKED, "0"),
        (UNAVAILABLE, "chunk extension", &format!("{CHUNKED}1;"), "a"),
        (UNAVAILABLE, "trailers", &format!("{CHUNKED}2\r\n{{}}\r\n0\r\n"), "X-Again: a\r\n"),
        (UNAVAILABLE, "one trailer", &format!("{CHUNKED}2\r\n{{}}\r\n0\r\nX-Endless: "), "a"),
        (PROTOCOL, "body", "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", " "),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let world = World::with(&[&format!("--stripe-api-base=http://{}", listener.local_addr().unwrap())]).await;
        let (connections, sent) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
        let (count, total) = (Arc::clone(&connections), Arc::clone(&sent));
        let (beginning, part) = (beginning.to_owned(), part.as_bytes().to_vec());
        let server = tokio::spawn(async move {
            let mut open = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        count.fetch_add(1, Ordering::SeqCst);
                        let (beginning, part, total) = (beginning.clone(), part.clone(), Arc::clone(&total));
                        open.spawn(async move {
                            total.fetch_max(never_end(accepted.unwrap().0, &beginning, &part).await, Ordering::SeqCst);
                        });
                    }
                    Some(ended) = open.join_next() => {
                        ended.unwrap();
                        if open.is_empty() {
                            return;
                        }
                    }
                }
            }
        });
        let token = world.olivia();
        let mut call = pin!(world.open(&token));
        // Health answers while the call is in progress.
        assert!(futures_util::poll!(&mut call).is_pending(), "{what}");
        world.wait_for_health("", ServingStatus::Serving).await;
        let refusal = call.await.unwrap_err();
        // Ends only when the service has closed every connection.
        server.await.unwrap();
        assert_eq!(refusal.reason, reason, "{what}");
        assert!(sent.load(Ordering::SeqCst) <= MAX_SENT, "{what}: {sent:?} bytes");
    }
}

#[tokio::test]
async fn limit_applies_to_each_exchange_and_not_to_the_connection() {
    let world = World::start().await;
    world.stripe.tamper(Some(alter("/v1/", |answer| {
        let mut object = answer.json();
        object["description"] = "x".repeat(60_000).into();
        answer.with_json(&object)
    })));
    for _ in 0..6 {
        world.open(&world.olivia()).await.unwrap();
    }
}
