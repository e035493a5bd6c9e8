//! Refused connections are counted in the log after a minute, even if no other one follows.

use std::time::Duration;

use rcgen::date_time_ymd;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::support::{
    certificates::{CALLER, Mtls, client, connect, uri},
    process::signal,
};

#[tokio::test]
#[ignore = "takes a minute: run it with `tests/run --long`"]
async fn count_of_each_kind_is_logged_when_the_minute_is_over() {
    let mtls = Mtls::start(&[]).await;
    let expired = mtls.ca.issue_with(vec![uri(CALLER)], |leaf| leaf.not_after = date_time_ymd(2020, 1, 1));
    for _ in 0..3 {
        TcpStream::connect(mtls.serving.address).await.unwrap().write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        // The certificate is refused after the client has completed its part of the handshake.
        drop(connect(mtls.serving.address, client(&mtls.ca, Some(&expired)).into()).await);
    }
    let minute = Duration::from_secs(90);
    let lines = mtls.serving.wait_for_lines_within(minute, "connections refused before HTTP/2", 4).await;
    for kind in ["no_tls", "expired"] {
        let counts: Vec<_> = lines.iter().filter(|line| line.contains(&format!("\"kind\":\"{kind}\""))).collect();
        assert!(counts[0].contains("\"count\":1") && counts[1].contains("\"count\":2"), "{lines:#?}");
    }
    signal(&mtls.serving.child, "-TERM");
}
