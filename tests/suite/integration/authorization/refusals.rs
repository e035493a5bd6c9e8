//! Integration: each reason that comes from this side of Stripe, with its code, and what behind it stays untouched.

use billing_portal::grpc::proto::{
    CreatePortalSessionRequest,
    billing_portal_client::BillingPortalClient,
    create_portal_session_request::{Flow, SubscriptionCancel},
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tonic::{Code, Request, codec::CompressionEncoding};

use crate::support::{
    ClientError, World,
    world::{FLAG_OFF, bearer, home},
};

/// Refused with a code and a reason, audited as such, and Stripe not asked.
async fn refused(world: &World, outcome: Result<String, ClientError>, code: Code, reason: &str) -> ClientError {
    let told = outcome.expect_err(reason);
    assert_eq!((told.code, told.reason.as_str()), (code, reason));
    assert_eq!(told.may_retry, code == Code::Unavailable, "{reason}");
    let audit = world.audit();
    let line = audit.last().unwrap();
    assert_eq!((line["event"].as_str(), line["reason"].as_str()), (Some("outcome"), Some(reason)));
    assert_eq!(line["request_id"], told.request_id.as_str());
    assert_eq!(line["released"], false);
    assert!(world.stripe.requests().is_empty(), "{reason} asked Stripe");
    told
}

#[tokio::test]
async fn no_token_and_no_owner() {
    let world = World::start().await;
    refused(&world, world.send(Request::new(home())).await, Code::Unauthenticated, "TOKEN_MISSING").await;
    for role in ["admin", "billing", "member", "Owner", "owner "] {
        let token = world.issuer.token("olivia", "acme", role);
        refused(&world, world.open(&token).await, Code::PermissionDenied, "NOT_OWNER").await;
    }
}

#[tokio::test]
async fn a_former_owner_with_a_live_token() {
    let world = World::start().await;
    world.open(&world.olivia()).await.unwrap();
    world.stripe.forget_requests();
    world.sql("DELETE FROM billing_portal_owners WHERE user_id = 'olivia'").await;
    refused(&world, world.open(&world.olivia()).await, Code::PermissionDenied, "NOT_OWNER").await;
}

#[tokio::test]
async fn with_ownership_by_token_the_directory_is_not_asked_for_membership() {
    let world = World::with(&["--ownership=token"]).await;
    world.sql("DROP TABLE billing_portal_owners").await;
    world.open(&world.olivia()).await.unwrap();
}

#[tokio::test]
async fn a_field_that_breaks_its_rule_is_named() {
    let world = World::start().await;
    let cancel = |id: &str| Some(Flow::SubscriptionCancel(SubscriptionCancel { subscription_id: id.to_owned() }));
    for (message, reason, field) in [
        (
            CreatePortalSessionRequest { return_url: "https://app.example.com.evil.com/".to_owned(), ..home() },
            "RETURN_URL_NOT_ALLOWED",
            "return_url",
        ),
        (CreatePortalSessionRequest::default(), "RETURN_URL_NOT_ALLOWED", "return_url"),
        (CreatePortalSessionRequest { locale: "xx".to_owned(), ..home() }, "LOCALE_INVALID", "locale"),
        (
            CreatePortalSessionRequest { flow: cancel("sub_1&customer=cus_B"), ..home() },
            "FLOW_INVALID",
            "subscription_cancel.subscription_id",
        ),
    ] {
        let outcome = world.open_with(&world.olivia(), message).await;
        let told = refused(&world, outcome, Code::InvalidArgument, reason).await;
        assert_eq!(told.field.as_deref(), Some(field));
    }
}

#[tokio::test]
async fn the_page_of_another_tenant() {
    let world = World::start().await;
    for displayed in ["globex", "ACME", "no id \n"] {
        let message = CreatePortalSessionRequest { displayed_tenant_id: displayed.to_owned(), ..home() };
        let outcome = world.open_with(&world.olivia(), message).await;
        refused(&world, outcome, Code::FailedPrecondition, "TENANT_MISMATCH").await;
        assert_eq!(world.access(&world.olivia(), displayed).await.unwrap_err().reason, "TENANT_MISMATCH");
    }
    let message = CreatePortalSessionRequest { displayed_tenant_id: "acme".to_owned(), ..home() };
    world.open_with(&world.olivia(), message).await.unwrap();
}

#[tokio::test]
async fn the_flag_is_off() {
    let world = World::start().await;
    let dora = world.issuer.token("dora", "dark", "owner");
    // The kill switch needs no database, so the directory is not asked.
    world.sql("DROP TABLE billing_portal_tenants").await;
    refused(&world, world.open(&dora).await, Code::FailedPrecondition, "FEATURE_DISABLED").await;
    std::fs::write(world.path("flags.json"), FLAG_OFF).unwrap();
    world.health_is("billing.portal.v1.BillingPortal", tonic_health::ServingStatus::NotServing.into()).await;
    refused(&world, world.open(&world.olivia()).await, Code::FailedPrecondition, "FEATURE_DISABLED").await;
}

#[tokio::test]
async fn no_billing_account() {
    let world = World::start().await;
    let ines = world.issuer.token("ines", "initech", "owner");
    refused(&world, world.open(&ines).await, Code::FailedPrecondition, "NO_BILLING_ACCOUNT").await;
    world.sql("UPDATE billing_portal_tenants SET stripe_customer_id = NULL").await;
    refused(&world, world.open(&world.olivia()).await, Code::FailedPrecondition, "NO_BILLING_ACCOUNT").await;
}

#[tokio::test]
async fn a_mapping_that_can_not_be_trusted_is_told_apart_in_the_audit() {
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
        world.sql(change).await;
        refused(&world, world.open(&world.olivia()).await, Code::Internal, "MAPPING_INTEGRITY").await;
        assert_eq!(world.audit().last().unwrap()["detail"], detail);
        assert_eq!(world.access(&world.olivia(), "").await.unwrap_err().reason, "MAPPING_INTEGRITY");
    }
}

#[tokio::test]
async fn a_database_that_gives_no_answer_is_never_no_account() {
    let world = World::start().await;
    world.sql("DROP TABLE billing_portal_owners").await;
    refused(&world, world.open(&world.olivia()).await, Code::Unavailable, "DATABASE_UNAVAILABLE").await;
    assert_eq!(world.access(&world.olivia(), "").await.unwrap_err().reason, "DATABASE_UNAVAILABLE");
}

#[tokio::test]
async fn a_malformed_or_spent_deadline() {
    let world = World::start().await;
    for (timeout, code, reason) in [
        ("1x", Code::InvalidArgument, "DEADLINE_INVALID"),
        ("", Code::InvalidArgument, "DEADLINE_INVALID"),
        ("0S", Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
    ] {
        let mut request = bearer(&world.olivia(), home());
        request.metadata_mut().insert("grpc-timeout", timeout.parse().unwrap());
        // The usual channel would end the call by its own clock; this one only sends.
        let channel = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<tonic::body::Body>();
        let origin = format!("http://{}", world.address).parse().unwrap();
        let mut client = BillingPortalClient::with_origin(channel, origin);
        let status = client.create_portal_session(request).await.unwrap_err();
        refused(&world, Err(ClientError::of(&status)), code, reason).await;
    }
    let mut twice = bearer(&world.olivia(), home());
    twice.metadata_mut().append("grpc-timeout", "1S".parse().unwrap());
    twice.metadata_mut().append("grpc-timeout", "1S".parse().unwrap());
    refused(&world, world.send(twice).await, Code::InvalidArgument, "DEADLINE_INVALID").await;
}

#[tokio::test]
async fn a_message_too_large_and_a_compressed_one() {
    let world = World::start().await;
    let large = CreatePortalSessionRequest { displayed_tenant_id: "x".repeat(17_000), ..home() };
    let outcome = world.open_with(&world.olivia(), large).await;
    refused(&world, outcome, Code::ResourceExhausted, "MESSAGE_TOO_LARGE").await;

    let mut client =
        billing_portal::grpc::proto::billing_portal_client::BillingPortalClient::new(world.channel.clone())
            .send_compressed(CompressionEncoding::Gzip);
    let status = client.create_portal_session(bearer(&world.olivia(), home())).await.unwrap_err();
    refused(&world, Err(ClientError::of(&status)), Code::Unimplemented, "ENCODING_UNSUPPORTED").await;
}

#[tokio::test]
async fn more_calls_at_once_than_are_allowed() {
    let world = World::with(&["--max-in-flight=1"]).await;
    let (asked, release) = crate::integration::stripe::answers::hold(&world.stripe);
    let token = world.olivia();
    let (held, second) = tokio::join!(world.open(&token), async {
        asked.notified().await;
        let second = world.open(&token).await;
        release.add_permits(10);
        second
    });
    assert_eq!(second.unwrap_err().reason, "OVERLOADED");
    held.unwrap();
    assert_eq!(world.outcomes(), ["OVERLOADED", "OK"]);
}

#[tokio::test]
async fn keys_that_could_not_be_read_for_too_long() {
    let world = World::with(&["--principal-jwks-max-age=1s"]).await;
    let (token, gone) = (world.olivia(), std::time::Instant::now());
    std::fs::remove_file(world.path("jwks.json")).unwrap();
    let told = loop {
        match world.open(&token).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(told) => break told,
        }
    };
    assert!(gone.elapsed() > std::time::Duration::from_millis(500), "an hour's grace is no moment's");
    assert_eq!((told.code, told.reason.as_str(), told.may_retry), (Code::Unavailable, "KEYS_UNAVAILABLE", true));
}

#[tokio::test]
async fn an_unknown_method_meets_the_token_and_on_the_owners_service_the_role() {
    type Empty = billing_portal::grpc::proto::create_portal_session_request::CustomerUpdate;
    let world = World::start().await;
    for (path, token, reason) in [
        ("/billing.portal.v1.BillingPortal/Other", None, "TOKEN_MISSING"),
        ("/billing.portal.v1.BillingPortal/Other", Some("member"), "NOT_OWNER"),
        ("/billing.portal.v1.BillingPortal/Other", Some("owner"), "METHOD_UNKNOWN"),
        ("/billing.portal.v1.PortalAccess/Other", None, "TOKEN_MISSING"),
        ("/billing.portal.v1.PortalAccess/Other", Some("member"), "METHOD_UNKNOWN"),
        ("/some.other.Service/Method", None, "METHOD_UNKNOWN"),
    ] {
        let mut client = tonic::client::Grpc::new(world.channel.clone());
        client.ready().await.unwrap();
        let mut request = tonic::Request::new(Empty {});
        if let Some(role) = token {
            let token = world.issuer.token("olivia", "acme", role);
            request = bearer(&token, Empty {});
        }
        let codec = tonic_prost::ProstCodec::<Empty, Empty>::default();
        let status = client.unary(request, path.parse().unwrap(), codec).await.unwrap_err();
        assert_eq!(ClientError::of(&status).reason, reason, "{path}");
    }
    // Every call of BillingPortal leaves an outcome, whatever its method, and no call of another service does.
    assert_eq!(world.outcomes(), ["TOKEN_MISSING", "NOT_OWNER", "METHOD_UNKNOWN"]);
    assert!(world.audit().iter().all(|entry| entry["rpc"] == "Other" && entry["released"] == false));
}
