//! Integration: each refusal that the service makes before it calls Stripe, with its code. Later checks do not run.

use billing_portal::grpc::proto::{
    CreatePortalSessionRequest,
    billing_portal_client::BillingPortalClient,
    create_portal_session_request::{Flow, SubscriptionCancel},
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tonic::{Code, Request, codec::CompressionEncoding};

use crate::support::{
    ClientError, World,
    stripe::hold_responses,
    world::{FLAG_OFF, RETURN_URL, bearer, home},
};

/// Asserts that a call was refused with a code and a reason, that the audit agrees, and that Stripe was not called.
async fn assert_refused(world: &World, outcome: Result<String, ClientError>, code: Code, reason: &str) -> ClientError {
    let refusal = outcome.expect_err(reason);
    assert_eq!((refusal.code, refusal.reason.as_str()), (code, reason));
    assert_eq!(refusal.may_retry, code == Code::Unavailable, "{reason}");
    let audit = world.audit();
    let record = audit.last().unwrap();
    assert_eq!((record["event"].as_str(), record["reason"].as_str()), (Some("outcome"), Some(reason)));
    assert_eq!(record["request_id"], refusal.request_id.as_str());
    assert_eq!(record["released"], false);
    assert!(world.stripe.requests().is_empty(), "{reason}: Stripe was called");
    refusal
}

#[tokio::test]
async fn missing_token_and_non_owner_role_are_refused() {
    let world = World::start().await;
    assert_refused(&world, world.send(Request::new(home())).await, Code::Unauthenticated, "TOKEN_MISSING").await;
    for role in ["admin", "billing", "member", "Owner", "owner "] {
        let token = world.issuer.token("olivia", "acme", role);
        assert_refused(&world, world.open(&token).await, Code::PermissionDenied, "NOT_OWNER").await;
    }
}

#[tokio::test]
async fn removed_owner_with_valid_token_gets_not_owner() {
    let world = World::start().await;
    world.open(&world.olivia()).await.unwrap();
    world.stripe.forget_requests();
    world.sql("DELETE FROM billing_portal_owners WHERE user_id = 'olivia'");
    assert_refused(&world, world.open(&world.olivia()).await, Code::PermissionDenied, "NOT_OWNER").await;
}

#[tokio::test]
async fn ownership_token_does_not_query_owners() {
    let world = World::with(&["--ownership=token"]).await;
    world.sql("DROP TABLE billing_portal_owners");
    world.open(&world.olivia()).await.unwrap();
}

#[tokio::test]
async fn invalid_field_is_named() {
    let world = World::start().await;
    let cancel = |id: &str| Some(Flow::SubscriptionCancel(SubscriptionCancel { subscription_id: id.to_owned() }));
    for (message, reason, field) in [
        (
            CreatePortalSessionRequest { return_url: "https://app.example.com.evil.com/".to_owned(), ..home() },
            "RETURN_URL_NOT_ALLOWED",
            "return_url",
        ),
        (CreatePortalSessionRequest::default(), "RETURN_URL_NOT_ALLOWED", "return_url"),
        (
            CreatePortalSessionRequest { completed_url: Some(RETURN_URL.to_owned()), ..home() },
            "FLOW_INVALID",
            "completed_url",
        ),
        (CreatePortalSessionRequest { locale: "pt_BR".to_owned(), ..home() }, "LOCALE_INVALID", "locale"),
        (
            CreatePortalSessionRequest { flow: cancel("sub_1&customer=cus_B"), ..home() },
            "FLOW_INVALID",
            "subscription_cancel.subscription_id",
        ),
    ] {
        let outcome = world.open_with(&world.olivia(), message).await;
        let refusal = assert_refused(&world, outcome, Code::InvalidArgument, reason).await;
        assert_eq!(refusal.violation.unwrap().0, field);
    }
}

#[tokio::test]
async fn displayed_id_of_other_tenant_gets_tenant_mismatch() {
    let world = World::start().await;
    for displayed in ["globex", "ACME", "no id \n"] {
        let message = CreatePortalSessionRequest { displayed_tenant_id: displayed.to_owned(), ..home() };
        let outcome = world.open_with(&world.olivia(), message).await;
        assert_refused(&world, outcome, Code::FailedPrecondition, "TENANT_MISMATCH").await;
        assert_eq!(world.access(&world.olivia(), displayed).await.unwrap_err().reason, "TENANT_MISMATCH");
    }
    let message = CreatePortalSessionRequest { displayed_tenant_id: "acme".to_owned(), ..home() };
    world.open_with(&world.olivia(), message).await.unwrap();
}

#[tokio::test]
async fn disabled_flag_gets_feature_disabled_without_database() {
    let world = World::start().await;
    let dora = world.issuer.token("dora", "dark", "owner");
    // Switching the feature off must not need a database, so the flag is checked before the directory.
    world.sql("DROP TABLE billing_portal_tenants");
    assert_refused(&world, world.open(&dora).await, Code::FailedPrecondition, "FEATURE_DISABLED").await;
    std::fs::write(world.path("flags.json"), FLAG_OFF).unwrap();
    world.wait_for_health("billing.portal.v1.BillingPortal", tonic_health::ServingStatus::NotServing.into()).await;
    assert_refused(&world, world.open(&world.olivia()).await, Code::FailedPrecondition, "FEATURE_DISABLED").await;
}

#[tokio::test]
async fn tenant_without_customer_gets_no_billing_account() {
    let world = World::start().await;
    let ines = world.issuer.token("ines", "initech", "owner");
    assert_refused(&world, world.open(&ines).await, Code::FailedPrecondition, "NO_BILLING_ACCOUNT").await;
    world.sql("UPDATE billing_portal_tenants SET stripe_customer_id = NULL");
    assert_refused(&world, world.open(&world.olivia()).await, Code::FailedPrecondition, "NO_BILLING_ACCOUNT").await;
}

#[tokio::test]
async fn audit_distinguishes_mapping_integrity_failures() {
    let world = World::start().await;
    for (change, detail) in [
        ("INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_X')", "two_rows"),
        (
            "DELETE FROM billing_portal_tenants; INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_B'), ('globex', 'cus_B')",
            "shared_customer",
        ),
        (
            "DELETE FROM billing_portal_tenants; INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_A/../cus_B')",
            "malformed_customer",
        ),
    ] {
        world.sql(change);
        assert_refused(&world, world.open(&world.olivia()).await, Code::Internal, "MAPPING_INTEGRITY").await;
        assert_eq!(world.audit().last().unwrap()["detail"], detail);
        assert_eq!(world.access(&world.olivia(), "").await.unwrap_err().reason, "MAPPING_INTEGRITY");
    }
}

#[tokio::test]
async fn failed_database_query_is_not_reported_as_no_account() {
    let world = World::start().await;
    world.sql("DROP TABLE billing_portal_owners");
    assert_refused(&world, world.open(&world.olivia()).await, Code::Unavailable, "DATABASE_UNAVAILABLE").await;
    assert_eq!(world.access(&world.olivia(), "").await.unwrap_err().reason, "DATABASE_UNAVAILABLE");
}

#[tokio::test]
async fn malformed_or_expired_deadline_is_refused() {
    let world = World::start().await;
    for (timeout, code, reason) in [
        ("1x", Code::InvalidArgument, "DEADLINE_INVALID"),
        ("", Code::InvalidArgument, "DEADLINE_INVALID"),
        ("0S", Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
    ] {
        let mut request = bearer(&world.olivia(), home());
        request.metadata_mut().insert("grpc-timeout", timeout.parse().unwrap());
        // tonic's channel would enforce the deadline itself; this client only sends the header.
        let channel = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<tonic::body::Body>();
        let origin = format!("http://{}", world.address).parse().unwrap();
        let mut client = BillingPortalClient::with_origin(channel, origin);
        let status = client.create_portal_session(request).await.unwrap_err();
        assert_refused(&world, Err(ClientError::of(&status)), code, reason).await;
    }
    let mut duplicate = bearer(&world.olivia(), home());
    duplicate.metadata_mut().append("grpc-timeout", "1S".parse().unwrap());
    duplicate.metadata_mut().append("grpc-timeout", "1S".parse().unwrap());
    assert_refused(&world, world.send(duplicate).await, Code::InvalidArgument, "DEADLINE_INVALID").await;
}

#[tokio::test]
async fn large_or_compressed_message_is_refused() {
    let world = World::start().await;
    let large = CreatePortalSessionRequest { displayed_tenant_id: "x".repeat(17_000), ..home() };
    let outcome = world.open_with(&world.olivia(), large).await;
    assert_refused(&world, outcome, Code::ResourceExhausted, "MESSAGE_TOO_LARGE").await;

    let mut client =
        billing_portal::grpc::proto::billing_portal_client::BillingPortalClient::new(world.channel.clone())
            .send_compressed(CompressionEncoding::Gzip);
    let status = client.create_portal_session(bearer(&world.olivia(), home())).await.unwrap_err();
    assert_refused(&world, Err(ClientError::of(&status)), Code::Unimplemented, "ENCODING_UNSUPPORTED").await;
}

#[tokio::test]
async fn excess_concurrent_call_gets_overloaded() {
    let world = World::with(&["--max-in-flight=1"]).await;
    let (received, release) = hold_responses(&world.stripe);
    let token = world.olivia();
    let (held, second) = tokio::join!(world.open(&token), async {
        received.notified().await;
        let second = world.open(&token).await;
        release.add_permits(10);
        second
    });
    assert_eq!(second.unwrap_err().reason, "OVERLOADED");
    held.unwrap();
    assert_eq!(world.outcomes(), ["OVERLOADED", "OK"]);
}

#[tokio::test]
async fn outdated_key_set_gets_keys_unavailable() {
    let world = World::with(&["--principal-jwks-max-age=1s"]).await;
    let (token, removed_at) = (world.olivia(), std::time::Instant::now());
    std::fs::remove_file(world.path("jwks.json")).unwrap();
    let refusal = loop {
        match world.open(&token).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(refusal) => break refusal,
        }
    };
    assert!(removed_at.elapsed() > std::time::Duration::from_millis(500), "the keys must stay valid for a while");
    assert_eq!(
        (refusal.code, refusal.reason.as_str(), refusal.may_retry),
        (Code::Unavailable, "KEYS_UNAVAILABLE", true)
    );
}
