//! Integration: requests that a generated client does not send, and bugs in the service. Each has its own refusal.

use std::{error::Error as _, num::NonZeroU32, sync::Arc, time::Duration};

use async_trait::async_trait;
use billing_portal::{
    adapters::audit_log::JsonAuditLog,
    grpc::{
        auth::{
            interceptor::AdmitOwner,
            jwks,
            keys::{Keys, Source},
            rules::{TokenFormat, TokenRules},
            token::Verifier,
        },
        caller::Callers,
        layers::{load_shed::LoadShed, person_limit::PersonLimit, session_rate::SessionRate},
        proto::{
            GetPortalAccessRequest, billing_portal_server::BillingPortal as _, portal_access_server::PortalAccess as _,
        },
        services::{BillingPortalService, PortalAccessService},
    },
    portal::{
        CallAudit, CheckedSession, CustomerId, Directory, DirectoryEntry, Flag, PortalRequest, PortalSessions, Reason,
        RecordedTenant, Refusal, ReturnOrigins, TenantId, UseCases, UserId,
    },
    reload::file::ReloadingFile,
    wiring::stacks::{self, Shared},
};
use bytes::Bytes;
use http_body_util::Full;
use prost::Message as _;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Code, Status};

use crate::support::{
    Issuer, World,
    raw_call::{RawClient, frame, grpc},
    world::home,
};

#[tokio::test]
async fn panic_is_refused_with_bug_and_audited() {
    let folder = tempfile::tempdir().unwrap();
    let audit_path = folder.path().join("audit.jsonl");
    let issuer = Issuer::new("key-1");
    let stack = stacks::billing_portal(
        BillingPortalService {
            use_cases: panicking_use_cases(),
            return_origins: ReturnOrigins::parse(&["https://app.example.com".to_owned()]).unwrap(),
            session_rate: SessionRate::new(NonZeroU32::MIN),
        },
        AdmitOwner(Arc::new(verifier(&folder, &issuer).await)),
        Arc::new(JsonAuditLog::to_file(&audit_path).unwrap()),
        &shared(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback_service(stack)).await });

    let token = issuer.token("olivia", "acme", "owner");
    let request = grpc(address, &token).body(Full::<Bytes>::from(frame(0, &home().encode_to_vec()))).unwrap();
    let error = RawClient::new().refusal(request).await;
    assert_eq!((error.code, error.reason.as_str()), (Code::Internal, "BUG"));
    let text = std::fs::read_to_string(audit_path).unwrap();
    assert!(text.contains("\"BUG\"") && text.contains(&error.request_id) && !text.contains("secret text"), "{text}");
    served.abort();
}

async fn verifier(folder: &TempDir, issuer: &Issuer) -> Verifier {
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, issuer.jwks().to_string()).unwrap();
    let file = ReloadingFile::open_document("--principal-jwks", path, jwks::parse).await;
    let keys = Keys::new(Source::File(file), Duration::from_secs(60));
    let rules = TokenRules {
        issuer: "https://login.test".to_owned(),
        audience: "billing-portal".to_owned(),
        other_audiences: Vec::new(),
        max_lifetime: Duration::from_secs(300),
        clock_skew: Duration::ZERO,
        format: TokenFormat::default(),
    };
    Verifier::new(Arc::new(keys), rules)
}

fn shared() -> Shared {
    Shared {
        calls: TaskTracker::new(),
        load: LoadShed::new(1, CancellationToken::new(), CancellationToken::new()),
        people: PersonLimit::default(),
        deadline: Duration::from_secs(10),
        callers: Arc::new(Callers::Anyone),
    }
}

#[tokio::test]
async fn connection_without_preface_is_closed() {
    let world = World::with(&["--max-connections=2"]).await;
    // The world's own connection is the first.
    let mut silent = TcpStream::connect(world.address).await.unwrap();
    silent.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    // Wait until it is closed: then it no longer counts toward the limit.
    let mut sent = Vec::new();
    assert_eq!(silent.read_to_end(&mut sent).await.unwrap(), 0);
    let request =
        grpc(world.address, &world.olivia()).body(Full::<Bytes>::from(frame(0, &home().encode_to_vec()))).unwrap();
    assert_eq!(Status::from_header_map(&RawClient::new().send(request).await.1).unwrap().code(), Code::Ok);
}

/// A flag, a directory and a Stripe client that panic when they are called.
struct Panicking;

fn panicking_use_cases() -> UseCases {
    UseCases { flag: Arc::new(Panicking), directory: Arc::new(Panicking), portal_sessions: Arc::new(Panicking) }
}

#[async_trait]
impl Flag for Panicking {
    async fn is_on(&self, _: &TenantId) -> bool {
        panic!("secret text")
    }

    async fn refresh(&self) {}
}

#[async_trait]
impl Directory for Panicking {
    async fn look_up(&self, _: &TenantId, _: &UserId) -> Result<DirectoryEntry, Refusal> {
        panic!("directory was reached")
    }
}

#[async_trait]
impl PortalSessions for Panicking {
    async fn open(
        &self,
        _: &CustomerId,
        _: &PortalRequest,
        _: Instant,
        _: &CallAudit,
    ) -> (Result<RecordedTenant, Refusal>, Result<CheckedSession, Refusal>) {
        panic!("Stripe was reached")
    }
}

#[tokio::test]
async fn handler_without_its_interceptor_is_refused_with_bug() {
    let use_cases = panicking_use_cases();
    let return_origins = ReturnOrigins::parse(&["https://app.example.com".to_owned()]).unwrap();
    let session_rate = SessionRate::new(NonZeroU32::MIN);
    let portal = BillingPortalService { use_cases: use_cases.clone(), return_origins, session_rate };
    let status = portal.create_portal_session(tonic::Request::new(home())).await.unwrap_err();
    let refusal = |status: &Status| status.source().unwrap().downcast_ref::<Refusal>().unwrap().reason();
    assert_eq!(refusal(&status), Reason::Bug);
    let access = PortalAccessService { use_cases };
    let status = access.get_portal_access(tonic::Request::new(GetPortalAccessRequest::default())).await.unwrap_err();
    assert_eq!(refusal(&status), Reason::Bug);
}
