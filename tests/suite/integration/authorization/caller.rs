//! Integration: which workload may call, as Istio's and Linkerd's proxies tell it, over both services.

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
const SETTINGS: &str = "spiffe://cluster.local/ns/web/sa/settings";
const LINKERD: &str = "settings.web.serviceaccount.identity.linkerd.cluster.local";

/// A request with headers in front of whatever else it has.
fn with<T>(mut request: Request<T>, headers: &[(&'static str, String)]) -> Request<T> {
    for (name, value) in headers {
        request.metadata_mut().append(AsciiMetadataKey::from_static(name), value.parse().unwrap());
    }
    request
}

/// What both services say to an owner's call with these headers; they never differ.
async fn told(world: &World, headers: &[(&'static str, String)]) -> Result<(), String> {
    let token = world.olivia();
    let mut portal = BillingPortalClient::new(world.channel.clone());
    let opened = portal.create_portal_session(with(bearer(&token, home()), headers)).await.map(drop);
    let mut access = PortalAccessClient::new(world.channel.clone());
    let asked = access.get_portal_access(with(bearer(&token, GetPortalAccessRequest::default()), headers)).await;
    let [opened, asked] = [opened, asked.map(drop)].map(|answer| {
        answer.map_err(|status| {
            let told = ClientError::of(&status);
            assert_eq!((status.code(), told.may_retry), (Code::PermissionDenied, false));
            told.reason
        })
    });
    assert_eq!(opened, asked, "{headers:?}");
    opened
}

fn element(uri: &str) -> String {
    format!("By=spiffe://cluster.local/ns/billing/sa/portal;Hash=0a1b;Subject=\"\";URI={uri}")
}

#[tokio::test]
async fn istios_last_element_is_the_caller() {
    let world =
        World::with(&["--caller-identity=istio", &format!("--allowed-callers=spiffe://td/other,{SETTINGS}")]).await;
    for good in [element(SETTINGS), format!("{},{}", element("spiffe://td/evil"), element(SETTINGS))] {
        assert_eq!(told(&world, &[(XFCC, good)]).await, Ok(()));
    }
    assert!(world.audit().iter().all(|line| line["caller"] == SETTINGS));
    let refused = Err("CALLER_NOT_ALLOWED".to_owned());
    for bad in [
        vec![],
        vec![(XFCC, element("spiffe://cluster.local/ns/web/sa/settings2"))],
        vec![(XFCC, element("spiffe://cluster.local/ns/web/sa/setting"))],
        vec![(XFCC, element("spiffe://cluster.evil/ns/web/sa/settings"))],
        vec![(XFCC, element(&SETTINGS.to_uppercase()))],
        vec![(XFCC, format!("{},{}", element(SETTINGS), element("spiffe://td/evil")))],
        vec![(XFCC, format!("{};URI={SETTINGS}", element(SETTINGS)))],
        vec![(XFCC, "By=x;Hash=y".to_owned())],
        vec![(XFCC, String::new())],
        vec![(XFCC, SETTINGS.to_owned())],
        vec![(XFCC, element(SETTINGS)), (XFCC, element(SETTINGS))],
        vec![(XFCC, element(SETTINGS)), (L5D, LINKERD.to_owned())],
        vec![(L5D, LINKERD.to_owned())],
    ] {
        world.stripe.forget_requests();
        assert_eq!(told(&world, &bad).await, refused, "{bad:?}");
        assert!(world.stripe.requests().is_empty());
    }
}

#[tokio::test]
async fn linkerds_name_is_the_caller() {
    let world = World::with(&["--caller-identity=linkerd", &format!("--allowed-callers={LINKERD}")]).await;
    assert_eq!(told(&world, &[(L5D, LINKERD.to_owned())]).await, Ok(()));
    for bad in [
        vec![],
        vec![(L5D, "web.web.serviceaccount.identity.linkerd.cluster.local".to_owned())],
        vec![(L5D, format!("{LINKERD}.evil"))],
        vec![(L5D, LINKERD.to_owned()), (L5D, LINKERD.to_owned())],
        vec![(L5D, format!("{LINKERD},{LINKERD}"))],
        vec![(L5D, LINKERD.to_owned()), (XFCC, element(SETTINGS))],
        vec![(XFCC, element(SETTINGS))],
    ] {
        assert_eq!(told(&world, &bad).await, Err("CALLER_NOT_ALLOWED".to_owned()), "{bad:?}");
    }
}

#[tokio::test]
async fn the_caller_comes_before_the_token_and_after_the_deadline() {
    let world = World::with(&["--caller-identity=istio", &format!("--allowed-callers={SETTINGS}")]).await;
    assert_eq!(world.open("garbage").await.unwrap_err().reason, "CALLER_NOT_ALLOWED");
    let right = with(bearer("garbage", home()), &[(XFCC, element(SETTINGS))]);
    assert_eq!(world.send(right).await.unwrap_err().reason, "TOKEN_INVALID");
    let no_principal = with(Request::new(home()), &[(XFCC, element(SETTINGS))]);
    assert_eq!(world.send(no_principal).await.unwrap_err().reason, "TOKEN_MISSING");
    let late = with(bearer("garbage", home()), &[("grpc-timeout", "1x".to_owned())]);
    assert_eq!(world.send(late).await.unwrap_err().reason, "DEADLINE_INVALID");
    assert_eq!(world.audit().last().unwrap().get("caller"), None, "it was not looked at");
    // Health and reflection need no caller.
    HealthClient::new(world.channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn without_a_mesh_both_headers_are_ignored() {
    let world = World::start().await;
    let forged = [(XFCC, element("spiffe://td/evil")), (XFCC, String::new()), (L5D, "x".to_owned())];
    assert_eq!(told(&world, &forged).await, Ok(()));
    assert!(world.audit().iter().all(|line| line.get("caller").is_none()));
}
