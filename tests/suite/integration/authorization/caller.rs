//! Integration: both services accept only the allowed workloads, which Istio's and Linkerd's proxies identify.

use billing_portal::grpc::proto::{
    GetPortalAccessRequest, billing_portal_client::BillingPortalClient, portal_access_client::PortalAccessClient,
};
use tonic::{Code, Request, metadata::AsciiMetadataKey};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::support::{
    ClientError, World,
    world::{bearer, home},
};

const XFCC: &str = "x-forwarded-client-cert";
const L5D: &str = "l5d-client-id";
const ISTIO_CALLER: &str = "spiffe://cluster.local/ns/web/sa/settings";
const LINKERD_CALLER: &str = "settings.web.serviceaccount.identity.linkerd.cluster.local";

/// Appends headers to a request.
fn with_headers<T>(mut request: Request<T>, headers: &[(&'static str, String)]) -> Request<T> {
    for (name, value) in headers {
        request.metadata_mut().append(AsciiMetadataKey::from_static(name), value.parse().unwrap());
    }
    request
}

/// Calls both services as an owner, and returns the refusal reason, which must be the same from both.
async fn call_both(world: &World, headers: &[(&'static str, String)]) -> Result<(), String> {
    let token = world.olivia();
    let mut portal = BillingPortalClient::new(world.channel.clone());
    let opened = portal.create_portal_session(with_headers(bearer(&token, home()), headers)).await.map(drop);
    let mut access = PortalAccessClient::new(world.channel.clone());
    let shown =
        access.get_portal_access(with_headers(bearer(&token, GetPortalAccessRequest::default()), headers)).await;
    let [opened, shown] = [opened, shown.map(drop)].map(|result| {
        result.map_err(|status| {
            let refusal = ClientError::of(&status);
            assert_eq!((status.code(), refusal.may_retry), (Code::PermissionDenied, false));
            refusal.reason
        })
    });
    assert_eq!(opened, shown, "{headers:?}");
    opened
}

fn xfcc_element(uri: &str) -> String {
    format!("By=spiffe://cluster.local/ns/billing/sa/portal;Hash=0a1b;Subject=\"\";URI={uri}")
}

/// What a waypoint in Istio's ambient mode sends, as tests/mesh/waypoint shows.
fn waypoint_element(uri: &str) -> String {
    format!("By=spiffe://cluster.local/ns/billing/sa/billing-portal-waypoint;URI={uri}")
}

#[tokio::test]
async fn istio_caller_is_last_xfcc_element() {
    let world =
        World::with(&["--caller-identity=istio", &format!("--allowed-callers=spiffe://td/other,{ISTIO_CALLER}")]).await;
    for header in [
        xfcc_element(ISTIO_CALLER),
        format!("{},{}", xfcc_element("spiffe://td/evil"), xfcc_element(ISTIO_CALLER)),
        waypoint_element(ISTIO_CALLER),
    ] {
        assert_eq!(call_both(&world, &[(XFCC, header)]).await, Ok(()));
    }
    assert!(world.audit().iter().all(|record| record["caller"] == ISTIO_CALLER));
    let refused = Err("CALLER_NOT_ALLOWED".to_owned());
    for headers in [
        vec![],
        vec![(XFCC, xfcc_element("spiffe://cluster.local/ns/web/sa/settings2"))],
        vec![(XFCC, xfcc_element("spiffe://cluster.local/ns/web/sa/setting"))],
        vec![(XFCC, xfcc_element("spiffe://cluster.evil/ns/web/sa/settings"))],
        vec![(XFCC, xfcc_element(&ISTIO_CALLER.to_uppercase()))],
        vec![(XFCC, format!("{},{}", xfcc_element(ISTIO_CALLER), xfcc_element("spiffe://td/evil")))],
        vec![(XFCC, format!("{};URI={ISTIO_CALLER}", xfcc_element(ISTIO_CALLER)))],
        vec![(XFCC, "By=x;Hash=y".to_owned())],
        vec![(XFCC, waypoint_element("spiffe://td/evil"))],
        // A waypoint writes this for a caller without an identity, and the other one if a certificate had two.
        vec![(XFCC, waypoint_element("-"))],
        vec![(XFCC, waypoint_element(&format!("spiffe://td/evil,{ISTIO_CALLER}")))],
        vec![(XFCC, waypoint_element(&format!("{ISTIO_CALLER},spiffe://td/evil")))],
        vec![(XFCC, String::new())],
        vec![(XFCC, ISTIO_CALLER.to_owned())],
        vec![(XFCC, xfcc_element(ISTIO_CALLER)), (XFCC, xfcc_element(ISTIO_CALLER))],
        vec![(XFCC, xfcc_element(ISTIO_CALLER)), (L5D, LINKERD_CALLER.to_owned())],
        vec![(L5D, LINKERD_CALLER.to_owned())],
    ] {
        world.stripe.forget_requests();
        assert_eq!(call_both(&world, &headers).await, refused, "{headers:?}");
        assert!(world.stripe.requests().is_empty());
    }
}

#[tokio::test]
async fn linkerd_caller_is_client_id_header() {
    let world = World::with(&["--caller-identity=linkerd", &format!("--allowed-callers={LINKERD_CALLER}")]).await;
    assert_eq!(call_both(&world, &[(L5D, LINKERD_CALLER.to_owned())]).await, Ok(()));
    for headers in [
        vec![],
        vec![(L5D, "web.web.serviceaccount.identity.linkerd.cluster.local".to_owned())],
        vec![(L5D, format!("{LINKERD_CALLER}.evil"))],
        vec![(L5D, LINKERD_CALLER.to_owned()), (L5D, LINKERD_CALLER.to_owned())],
        vec![(L5D, format!("{LINKERD_CALLER},{LINKERD_CALLER}"))],
        vec![(L5D, LINKERD_CALLER.to_owned()), (XFCC, xfcc_element(ISTIO_CALLER))],
        vec![(XFCC, xfcc_element(ISTIO_CALLER))],
    ] {
        assert_eq!(call_both(&world, &headers).await, Err("CALLER_NOT_ALLOWED".to_owned()), "{headers:?}");
    }
}

#[tokio::test]
async fn caller_is_checked_after_deadline_and_before_token() {
    let world = World::with(&["--caller-identity=istio", &format!("--allowed-callers={ISTIO_CALLER}")]).await;
    assert_eq!(world.open("garbage").await.unwrap_err().reason, "CALLER_NOT_ALLOWED");
    let allowed = with_headers(bearer("garbage", home()), &[(XFCC, xfcc_element(ISTIO_CALLER))]);
    assert_eq!(world.send(allowed).await.unwrap_err().reason, "TOKEN_INVALID");
    let without_token = with_headers(Request::new(home()), &[(XFCC, xfcc_element(ISTIO_CALLER))]);
    assert_eq!(world.send(without_token).await.unwrap_err().reason, "TOKEN_MISSING");
    let invalid_deadline = with_headers(bearer("garbage", home()), &[("grpc-timeout", "1x".to_owned())]);
    assert_eq!(world.send(invalid_deadline).await.unwrap_err().reason, "DEADLINE_INVALID");
    assert_eq!(
        world.audit().last().unwrap().get("caller"),
        None,
        "the caller is not checked after an invalid deadline"
    );
    // Health and reflection need no caller.
    HealthClient::new(world.channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn ignores_mesh_headers_without_mesh() {
    let world = World::start().await;
    let forged = [(XFCC, xfcc_element("spiffe://td/evil")), (XFCC, String::new()), (L5D, "x".to_owned())];
    assert_eq!(call_both(&world, &forged).await, Ok(()));
    assert!(world.audit().iter().all(|record| record.get("caller").is_none()));
}
