//! Through a real proxy, which demands credentials and logs each connection.

use super::Servers;
use crate::support::{
    process::{signal, text},
    tinyproxy::Tinyproxy,
};

const PASSWORD: &str = "s3cret-word.1";

#[tokio::test]
#[ignore = "needs tinyproxy"]
async fn stripe_and_key_set_are_reached_with_pooled_connections_and_secret_credentials() {
    let mut servers = Servers::start().await;
    let proxy = Tinyproxy::start("portal", PASSWORD);
    // The same password with a percent-encoded character.
    let url = format!("http://portal:s3cret%2Dword.1@{}", proxy.address);
    let serving = servers.serve(&[], &[("HTTPS_PROXY", &url), ("NO_PROXY", "example.com")]).await;
    for setting in ["--principal-jwks", "--stripe-api-base"] {
        let line = serving
            .startup_log
            .lines()
            .find(|line| line.contains("connecting through a proxy") && line.contains(setting));
        assert!(line.is_some_and(|line| line.contains(&proxy.address)), "{setting}: {}", serving.startup_log);
    }
    for _ in 0..5 {
        servers.world.open(&servers.world.olivia()).await.unwrap();
    }
    let output =
        servers.command(&[], &[("https_proxy", &url)]).args(["check", "--format=json"]).output().await.unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for what in ["proxy for keys", "proxy for Stripe"] {
        let rows = report.as_array().unwrap().iter();
        let rows: Vec<_> = rows.filter(|row| row["what"] == what).map(|row| &row["detail"]).collect();
        assert_eq!(rows, [&proxy.address], "{report}");
    }
    signal(&serving.child, "-TERM");
    let printed =
        [serving.log.await.unwrap(), text(&output.stdout).to_owned(), text(&output.stderr).to_owned()].concat();
    for secret in ["s3cret", "Proxy-Authorization", "Basic ", "cG9ydGFsO", "cG9ydGFs"] {
        assert!(!printed.contains(secret), "{secret} is in\n{printed}");
    }
    let requests = proxy.stop();
    let count = |server: &str| requests.iter().filter(|request| *request == server).count();
    let (stripe, keys) = (count(&servers.stripe()), count(&servers.key_server()));
    // One for each of the two, and then those of `check`: four at most for Stripe, which has requests at the same time.
    assert_eq!((stripe + keys, keys), (requests.len(), 2), "{requests:?}");
    assert!((3..=2 + 4).contains(&stripe), "{requests:?}");
}

#[tokio::test]
#[ignore = "needs tinyproxy"]
async fn wrong_credentials_are_stripe_unavailable_and_named_in_the_log() {
    let mut servers = Servers::start().await;
    let proxy = Tinyproxy::start("portal", PASSWORD);
    let url = format!("http://portal:s3cret-other@{}", proxy.address);
    let file = format!("--principal-jwks={}", servers.world.path("jwks.json").display());
    let serving = servers.serve(&[&file], &[("ALL_PROXY", &url)]).await;
    let refusal = servers.world.open(&servers.world.olivia()).await.unwrap_err();
    assert_eq!((refusal.reason.as_str(), refusal.may_retry), ("STRIPE_UNAVAILABLE", true));
    let lines = serving.wait_for_lines("request refused", 1).await;
    // This proxy answers with the status for a server instead of 407.
    assert!(lines[0].contains(&format!("proxy {} refused with 401 Unauthorized", proxy.address)), "{lines:?}");
    assert!(servers.world.stripe.requests().is_empty());
    let log = serving.log;
    drop(serving.child);
    assert!(!log.await.unwrap().contains("s3cret"));
}
