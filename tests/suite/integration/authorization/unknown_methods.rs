//! Integration: calls of methods that do not exist.

use crate::support::{ClientError, World, world::bearer};

#[tokio::test]
async fn unknown_method_is_refused_after_token_and_role_checks() {
    type Empty = billing_portal::grpc::proto::create_portal_session_request::CustomerUpdate;
    let world = World::start().await;
    for (path, role, reason) in [
        ("/billing.portal.v1.BillingPortal/Other", None, "TOKEN_MISSING"),
        ("/billing.portal.v1.BillingPortal/Other", Some("member"), "NOT_OWNER"),
        ("/billing.portal.v1.BillingPortal/Other", Some("owner"), "METHOD_UNKNOWN"),
        ("/billing.portal.v1.BillingPortal/", Some("owner"), "METHOD_UNKNOWN"),
        ("/billing.portal.v1.BillingPortal/x/CreatePortalSession", Some("owner"), "METHOD_UNKNOWN"),
        ("/billing.portal.v1.PortalAccess/Other", None, "TOKEN_MISSING"),
        ("/billing.portal.v1.PortalAccess/Other", Some("member"), "METHOD_UNKNOWN"),
        ("/some.other.Service/Method", None, "METHOD_UNKNOWN"),
    ] {
        let mut client = tonic::client::Grpc::new(world.channel.clone());
        client.ready().await.unwrap();
        let mut request = tonic::Request::new(Empty {});
        if let Some(role) = role {
            let token = world.issuer.token("olivia", "acme", role);
            request = bearer(&token, Empty {});
        }
        let codec = tonic_prost::ProstCodec::<Empty, Empty>::default();
        let status = client.unary(request, path.parse().unwrap(), codec).await.unwrap_err();
        assert_eq!(ClientError::of(&status).reason, reason, "{path}");
    }
    // Every call of BillingPortal has an outcome in the audit, whatever its method. Calls of other services have none.
    let outcomes = world.audit().into_iter().map(|record| {
        assert_eq!(record["released"], false);
        (record["rpc"].as_str().unwrap().to_owned(), record["reason"].as_str().unwrap().to_owned())
    });
    let expected = [
        ("Other", "TOKEN_MISSING"),
        ("Other", "NOT_OWNER"),
        ("Other", "METHOD_UNKNOWN"),
        ("unknown", "METHOD_UNKNOWN"),
        ("unknown", "METHOD_UNKNOWN"),
    ];
    assert!(outcomes.eq(expected.map(|(rpc, reason)| (rpc.to_owned(), reason.to_owned()))));
}
