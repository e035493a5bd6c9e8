//! Integration: with `--caller-identity mtls`, the certificate of the connection names the caller, and nothing else does.

use billing_portal::grpc::proto::{GetPortalAccessRequest, portal_access_client::PortalAccessClient};
use rcgen::SanType;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::support::{
    ClientError,
    certificates::{CALLER, DNS_CALLER, Mtls, dns, uri},
    world::bearer,
};

/// Calls both services as an owner with a certificate, and returns the refusal reason, which must be the same from both.
async fn call_both(mtls: &mut Mtls, names: Vec<SanType>) -> Result<(), String> {
    mtls.world.channel = mtls.channel(&mtls.ca.issue(names));
    let token = mtls.world.olivia();
    let opened = mtls.world.open(&token).await.map(drop).map_err(|refusal| refusal.reason);
    let shown = mtls.world.access(&token, "").await.map(drop).map_err(|refusal| refusal.reason);
    assert_eq!(opened, shown);
    opened
}

#[tokio::test]
async fn caller_is_only_uri_or_only_dns_name_of_the_certificate() {
    let mut mtls = Mtls::start(&[]).await;
    for (names, caller) in [
        (vec![uri(CALLER)], CALLER),
        (vec![dns("a.example.org"), dns("b.example.org"), uri(CALLER)], CALLER),
        (vec![dns(DNS_CALLER)], DNS_CALLER),
    ] {
        assert_eq!(call_both(&mut mtls, names).await, Ok(()), "{caller}");
        assert_eq!(mtls.world.audit().last().unwrap()["caller"], caller);
    }
    mtls.world.stripe.forget_requests();
    for names in [
        vec![uri(CALLER), uri("spiffe://example.org/other")],
        vec![uri("spiffe://example.org/other"), dns(DNS_CALLER)],
        vec![uri("spiffe://example.org/settings2")],
        vec![uri(DNS_CALLER)],
        vec![dns(DNS_CALLER), dns("other.example.org")],
        vec![dns("*.example.org")],
        vec![dns(CALLER)],
        vec![dns("other.example.org")],
        vec![],
    ] {
        let refused = call_both(&mut mtls, names.clone()).await;
        assert_eq!(refused, Err("CALLER_NOT_ALLOWED".to_owned()), "{names:?}");
    }
    assert!(mtls.world.stripe.requests().is_empty());
    let refusals = mtls.serving.wait_for_lines("client certificate has more than one URI", 2).await;
    assert!(refusals.iter().all(|line| line.contains("CALLER_NOT_ALLOWED")), "{refusals:?}");
    // Health and reflection need a certificate of the CA, and no allowed caller.
    HealthClient::new(mtls.world.channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn headers_of_a_mesh_beside_a_certificate_change_nothing() {
    let mtls = Mtls::start(&[]).await;
    let other = mtls.channel(&mtls.ca.issue(vec![uri("spiffe://example.org/other")]));
    for (channel, expected) in [(other, Err("CALLER_NOT_ALLOWED".to_owned())), (mtls.world.channel.clone(), Ok(()))] {
        for (name, value) in [
            ("x-forwarded-client-cert", format!("By=spiffe://example.org/portal;Hash=0a;Subject=\"\";URI={CALLER}")),
            ("x-forwarded-client-cert", "URI=spiffe://example.org/other".to_owned()),
            ("l5d-client-id", DNS_CALLER.to_owned()),
            ("x-forwarded-client-cert", String::new()),
        ] {
            let mut request = bearer(&mtls.world.olivia(), GetPortalAccessRequest::default());
            request.metadata_mut().insert(name, value.parse().unwrap());
            let shown = PortalAccessClient::new(channel.clone()).get_portal_access(request).await.map(drop);
            let reason = shown.map_err(|status| ClientError::of(&status).reason);
            assert_eq!(reason, expected, "{name}: {value}");
        }
    }
}
