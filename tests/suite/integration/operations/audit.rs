//! Integration: the audit records of each outcome of a call, and what they never contain.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    World,
    issuer::claims,
    process::pipe_reader,
    stripe::hold_responses,
    world::{bearer, home},
};

#[tokio::test]
async fn session_is_audited_as_one_intent_and_one_outcome() {
    let world = World::start().await;
    let url = world.open(&world.olivia()).await.unwrap();
    let records = world.audit();
    assert_eq!(records.len(), 2);
    for (record, event) in records.iter().zip(["intent", "outcome"]) {
        for (name, value) in [
            ("event", event),
            ("rpc", "CreatePortalSession"),
            ("subject", "olivia"),
            ("tenant", "acme"),
            ("role", "owner"),
            ("customer", "cus_A"),
            ("flow", "home"),
        ] {
            assert_eq!(record[name], value, "{record}");
        }
        assert!(humantime::parse_rfc3339(record["time"].as_str().unwrap()).is_ok());
        assert_eq!(record["request_id"], records[0]["request_id"]);
    }
    let outcome = &records[1];
    assert_eq!((outcome["reason"].as_str(), outcome["released"].as_bool()), (Some("OK"), Some(true)));
    assert!(outcome["session"].as_str().unwrap().starts_with("bps_"));
    assert!(outcome["stripe_request_id"].as_str().unwrap().starts_with("req_"));
    assert!(outcome["duration_ms"].is_u64());
    assert!(records[0].get("released").is_none() && records[0].get("session").is_none());

    let text = std::fs::read_to_string(world.path("audit.jsonl")).unwrap();
    let secret = url.rsplit('/').next().unwrap();
    assert!(
        !text.contains(secret)
            && !text.contains("Bearer")
            && !text.contains(world.stripe.secret_key(stripe_simulator::Mode::Test))
    );
}

#[tokio::test]
async fn role_is_the_first_owner_role_of_the_token_and_otherwise_its_first_role() {
    let world = World::with(&["--owner-roles=owner,org:admin", "--principal-role-claim=/org/roles"]).await;
    for (roles, recorded) in [
        (json!(["member", "org:admin", "owner"]), "org:admin"),
        (json!(["member", "org:\u{1b}[2J"]), "member"),
        (json!("viewer"), "viewer"),
    ] {
        let mut claims = claims("olivia", "acme", "owner");
        claims["org"] = json!({"roles": roles});
        drop(world.open(&world.issuer.sign(&world.issuer.header(), &claims)).await);
        let records = world.audit();
        let last = records.last().unwrap();
        assert_eq!((&last["event"], &last["role"]), (&json!("outcome"), &json!(recorded)), "{roles}: {last}");
    }
    assert_eq!(world.outcomes(), ["OK", "NOT_OWNER", "NOT_OWNER"]);
}

#[tokio::test]
async fn get_portal_access_is_not_audited() {
    let world = World::start().await;
    world.access(&world.olivia(), "acme").await.unwrap();
    assert!(world.access("garbage", "").await.is_err());
    assert_eq!(world.audit(), Vec::<Value>::new());
}

#[tokio::test]
async fn unwritable_intent_prevents_stripe_call() {
    // Every write to this device fails with ENOSPC.
    let world = World::with(&["--audit=file:/dev/full"]).await;
    let refusal = world.open(&world.olivia()).await.unwrap_err();
    assert_eq!((refusal.code, refusal.reason.as_str()), (tonic::Code::Unavailable, "AUDIT_UNAVAILABLE"));
    assert!(refusal.may_retry && world.stripe.requests().is_empty());
    let refusal = world.open(&world.issuer.token("olivia", "acme", "member")).await.unwrap_err();
    assert_eq!(refusal.reason, "NOT_OWNER", "a failed audit write must not replace a refusal");
}

#[tokio::test]
async fn unwritable_outcome_withholds_url() {
    // A file size limit would affect the whole process, so the log is a pipe whose reader closes during the call.
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    let reader = pipe_reader(&fifo);
    let world = World::with(&[&format!("--audit=file:{}", fifo.display())]).await;
    let (received, release) = hold_responses(&world.stripe);
    let token = world.olivia();
    let (outcome, ()) = tokio::join!(world.open(&token), async {
        received.notified().await;
        drop(reader);
        release.add_permits(10);
    });
    assert_eq!(outcome.unwrap_err().reason, "AUDIT_UNAVAILABLE");
    assert_eq!(world.stripe.requests().len(), 2, "the session was created but not released");
}

#[tokio::test]
async fn cancelled_call_is_audited_without_release() {
    let world = World::start().await;
    let (received, release) = hold_responses(&world.stripe);
    let token = world.olivia();
    {
        let call = world.send(bearer(&token, home()));
        tokio::pin!(call);
        tokio::select! {
            _ = &mut call => panic!("the call ended although Stripe does not respond"),
            () = received.notified() => {}
        }
        // Dropped here: the client resets its stream.
    }
    // A response to a second call on the same connection shows that the server has read the reset.
    assert_eq!(world.open("garbage").await.unwrap_err().reason, "TOKEN_INVALID");
    release.add_permits(10);
    let cancelled_at = Instant::now();
    let outcome = loop {
        let record =
            world.audit().into_iter().find(|record| record["event"] == "outcome" && record["subject"] == "olivia");
        if let Some(record) = record {
            break record;
        }
        assert!(cancelled_at.elapsed() < Duration::from_secs(30), "the outcome is not written");
        tokio::task::yield_now().await;
    };
    assert_eq!((outcome["reason"].as_str(), outcome["released"].as_bool()), (Some("CANCELLED"), Some(false)));
    assert!(outcome["session"].as_str().unwrap().starts_with("bps_"), "the outcome must name the created session");
}

#[tokio::test]
async fn record_has_only_visible_ascii() {
    let world = World::start().await;
    let role = "ownеr\u{202e}\u{2028}\u{85}";
    assert_eq!(world.open(&world.issuer.token("olivia", "acme", role)).await.unwrap_err().reason, "NOT_OWNER");
    assert_eq!(world.audit().pop().unwrap()["role"], role);
    let file = std::fs::read(world.path("audit.jsonl")).unwrap();
    assert!(file.iter().all(|byte| byte.is_ascii_graphic() || *byte == b'\n'), "{}", String::from_utf8_lossy(&file));
}

/// Waits for the only outcome record.
async fn wait_for_outcome(world: &World) -> Value {
    loop {
        if let Some(record) = world.audit().into_iter().find(|record| record["event"] == "outcome") {
            return record;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn message_cut_off_by_reset_or_disconnect_is_audited_as_cancelled() {
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
        let (_response, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
        body.send_data(bytes::Bytes::from_static(&[0, 0, 0, 1]), false).unwrap();
        // The response to a ping shows that the server has read everything sent before it.
        pings.ping(h2::Ping::opaque()).await.unwrap();
        if reset {
            body.send_reset(h2::Reason::CANCEL);
        } else {
            connection.abort();
        }
        let outcome = wait_for_outcome(&world).await;
        assert_eq!((&outcome["reason"], &outcome["subject"]), (&"CANCELLED".into(), &"olivia".into()), "{outcome}");
    }
}
