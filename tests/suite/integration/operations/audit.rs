//! Integration: what is left behind, on every way out, and what never is.

use serde_json::Value;

use crate::support::{
    World,
    world::{bearer, home},
};

#[tokio::test]
async fn an_intent_before_stripe_and_one_outcome_tell_who_opened_what() {
    let world = World::start().await;
    let url = world.open(&world.olivia()).await.unwrap();
    let lines = world.audit();
    assert_eq!(lines.len(), 2);
    for (line, event) in lines.iter().zip(["intent", "outcome"]) {
        for (name, value) in [
            ("event", event),
            ("rpc", "CreatePortalSession"),
            ("subject", "olivia"),
            ("tenant", "acme"),
            ("role", "owner"),
            ("customer", "cus_A"),
            ("flow", "home"),
        ] {
            assert_eq!(line[name], value, "{line}");
        }
        assert!(humantime::parse_rfc3339(line["time"].as_str().unwrap()).is_ok());
        assert_eq!(line["request_id"], lines[0]["request_id"]);
    }
    let outcome = &lines[1];
    assert_eq!((outcome["reason"].as_str(), outcome["released"].as_bool()), (Some("OK"), Some(true)));
    assert!(outcome["session"].as_str().unwrap().starts_with("bps_"));
    assert!(outcome["stripe_request_id"].as_str().unwrap().starts_with("req_"));
    assert!(outcome["duration_ms"].is_u64());
    assert!(lines[0].get("released").is_none() && lines[0].get("session").is_none());

    let text = std::fs::read_to_string(world.path("audit.jsonl")).unwrap();
    let secret = url.rsplit('/').next().unwrap();
    assert!(
        !text.contains(secret)
            && !text.contains("Bearer")
            && !text.contains(world.stripe.secret_key(stripe_simulator::Mode::Test))
    );
}

#[tokio::test]
async fn asking_whether_to_show_the_action_leaves_no_line() {
    let world = World::start().await;
    world.access(&world.olivia(), "acme").await.unwrap();
    assert!(world.access("garbage", "").await.is_err());
    assert_eq!(world.audit(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_log_that_can_not_be_written_opens_nothing_and_calls_no_stripe() {
    // Every write to this device fails for want of space.
    let world = World::with(&["--audit=file:/dev/full"]).await;
    let told = world.open(&world.olivia()).await.unwrap_err();
    assert_eq!((told.code, told.reason.as_str()), (tonic::Code::Unavailable, "AUDIT_UNAVAILABLE"));
    assert!(told.may_retry && world.stripe.requests().is_empty());
    let told = world.open(&world.issuer.token("olivia", "acme", "member")).await.unwrap_err();
    assert_eq!(told.reason, "NOT_OWNER", "a refusal stays the refusal that it was");
}

#[tokio::test]
async fn an_outcome_that_can_not_be_written_releases_no_url() {
    // A file size limit on the process would hit other tests, so the log is a pipe whose reader goes away mid-call.
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || std::fs::File::open(fifo).unwrap()
    });
    let world = World::with(&[&format!("--audit=file:{}", fifo.display())]).await;
    let reader = reader.join().unwrap();
    let (asked, release) = crate::integration::stripe::answers::hold(&world.stripe);
    let token = world.olivia();
    let (outcome, ()) = tokio::join!(world.open(&token), async {
        asked.notified().await;
        drop(reader);
        release.add_permits(10);
    });
    assert_eq!(outcome.unwrap_err().reason, "AUDIT_UNAVAILABLE");
    assert_eq!(world.stripe.requests().len(), 2, "the session was made, and not released");
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_its_outcome_and_gets_no_url() {
    let world = World::start().await;
    let (asked, release) = crate::integration::stripe::answers::hold(&world.stripe);
    let token = world.olivia();
    {
        let call = world.send(bearer(&token, home()));
        tokio::pin!(call);
        tokio::select! {
            _ = &mut call => panic!("Stripe is held back"),
            () = asked.notified() => {}
        }
        // Dropped here: the client resets its stream.
    }
    // A second call on the same connection is answered after the reset was read.
    assert_eq!(world.open("garbage").await.unwrap_err().reason, "TOKEN_INVALID");
    release.add_permits(10);
    let outcome = loop {
        let line = world.audit().into_iter().find(|line| line["event"] == "outcome" && line["subject"] == "olivia");
        if let Some(line) = line {
            break line;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((outcome["reason"].as_str(), outcome["released"].as_bool()), (Some("CANCELLED"), Some(false)));
    assert!(outcome["session"].as_str().unwrap().starts_with("bps_"), "the session that was made is named");
}

#[tokio::test]
async fn a_user_id_can_not_forge_a_line() {
    let world = World::start().await;
    let token = world.issuer.token("x\\n{\"event\":\"outcome\"}", "acme", "owner");
    assert!(world.open(&token).await.is_err());
    assert_eq!(world.audit().len(), 1);
}

/// Waits for the one outcome.
async fn outcome(world: &World) -> Value {
    loop {
        if let Some(line) = world.audit().into_iter().find(|line| line["event"] == "outcome") {
            return line;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_message_that_is_taken_back_or_cut_off_is_a_cancelled_call_and_no_defect() {
    for reset in [true, false] {
        let world = World::start().await;
        let stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
        let (mut client, mut connection) = h2::client::handshake(stream).await.unwrap();
        let mut pings = connection.ping_pong().unwrap();
        let connection = tokio::spawn(connection);
        let request = http::Request::post(format!(
            "http://{}/billing.portal.v1.BillingPortal/CreatePortalSession",
            world.address
        ))
        .header("content-type", "application/grpc")
        .header("authorization", format!("Bearer {}", world.olivia()));
        let (_answer, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
        body.send_data(bytes::Bytes::from_static(&[0, 0, 0, 1]), false).unwrap();
        // The answer to a ping shows that what was sent before it has been read.
        pings.ping(h2::Ping::opaque()).await.unwrap();
        if reset {
            body.send_reset(h2::Reason::CANCEL);
        } else {
            connection.abort();
        }
        let outcome = outcome(&world).await;
        assert_eq!((&outcome["reason"], &outcome["subject"]), (&"CANCELLED".into(), &"olivia".into()), "{outcome}");
    }
}
