//! Identifies the calling workload by `x-forwarded-client-cert`, as a sidecar of Istio appends it behind a gateway's element.

use std::{convert::Infallible, hint::black_box, sync::Arc};

use axum::{
    body::Body,
    http::{Request, Response},
};
use billing_portal::{
    grpc::{
        caller::Callers,
        layers::{generated::Generated, stack::Stack},
    },
    portal::CallerConnection,
};
use tower::{ServiceExt as _, service_fn};

use super::{Call, run};

const XFCC: &str = "By=spiffe://cluster.local/ns/gateway/sa/gateway;\
    Hash=2f4a0b3f7d0c4a0f9e5a6f3b1a7e0d3c5b9f8e7d6c5b4a39281706f5e4d3c2b1;\
    Subject=\"CN=edge,O=Example\\\\, Inc.\";URI=spiffe://cluster.local/ns/edge/sa/edge,\
    By=spiffe://cluster.local/ns/billing/sa/billing-portal;\
    Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688;\
    Subject=\"\";URI=spiffe://cluster.local/ns/web/sa/settings";

pub(super) fn prepare() -> Call {
    let callers = Arc::new(Callers::Istio(vec!["spiffe://cluster.local/ns/web/sa/settings".to_owned()]));
    let inner = service_fn(async |request: Request<Body>| {
        black_box(request);
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let service = Stack::new(Generated(inner)).layer(callers).build();
    Box::new(move || {
        let request = Request::builder().header("x-forwarded-client-cert", black_box(XFCC));
        let request = request.extension(CallerConnection::default()).body(Body::empty());
        let response = run(service.clone().oneshot(request.expect("a request"))).expect("a response");
        assert!(!response.headers().contains_key("grpc-status"), "the caller is refused");
    })
}
