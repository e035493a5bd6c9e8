//! The service of the tests: the real layers, interceptor, service and use case, with a flag, a directory, Stripe and an audit log
//! that answer as a case says. Stripe's answers are JSON, which the real checks read.

use std::{
    cell::RefCell,
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use axum::body::Body;
use billing_portal::{
    adapters::stripe::{
        Mode, SessionHosts, SessionSettings, checked_session, parse_customer, parse_session, recorded_tenant,
    },
    grpc::{
        auth::interceptor::AdmitOwner,
        caller::Callers,
        layers::{load_shed::LoadShed, person_limit::PersonLimit, session_rate::SessionRate, stack::ServiceStack},
        proto::{CreatePortalSessionRequest, CreatePortalSessionResponse},
        services::BillingPortalService,
    },
    portal::{
        AuditEntry, AuditLog, CallAudit, CheckedSession, CustomerId, Directory, DirectoryEntry, Flag, Integrity,
        Mapping, PortalRequest, PortalSessions, Reason, RecordedTenant, Refusal, ReturnOrigins, TenantId, UseCases,
        UserId,
    },
    wiring::stacks::{self, Shared},
};
use http_body_util::BodyExt as _;
use prost::Message as _;
use tokio::time::Instant;
use tonic::Status;
use tower::Service as _;

use super::{
    answers,
    case::{Audit, CUSTOMERS, Caller, Case, Row, State, TENANTS, Token, USERS},
    oracle::Event,
};
use crate::support::{
    ClientError, Issuer,
    raw_call::{frame, grpc},
    token_verifier::TokenVerifier,
    world::home,
};

const ALLOWED: &str = "spiffe://cluster.local/ns/app/sa/settings";

/// What is outside the service.
#[derive(Default)]
struct Outside(Mutex<Scene>);

#[derive(Default)]
struct Scene {
    case: Option<Case>,
    events: Vec<Event>,
    is_answered: bool,
    is_refreshed: bool,
}

/// The service with what is outside it.
pub(super) struct Service {
    stack: ServiceStack,
    outside: Arc<Outside>,
    issuer: Issuer,
    forger: Issuer,
    /// Each token is signed once: signing takes longer than a decision.
    tokens: RefCell<HashMap<String, String>>,
    _verifier: TokenVerifier,
}

impl Service {
    pub(super) async fn new() -> Self {
        let (issuer, forger) = (Issuer::new("key-1"), Issuer::new("key-1"));
        let outside = Arc::new(Outside::default());
        let service = BillingPortalService {
            use_cases: UseCases {
                flag: Arc::clone(&outside) as _,
                directory: Arc::clone(&outside) as _,
                portal_sessions: Arc::clone(&outside) as _,
            },
            return_origins: ReturnOrigins::parse(&["https://app.example.com".to_owned()]).unwrap(),
            session_rate: SessionRate::new(NonZeroU32::MAX),
        };
        let shared = Shared {
            calls: Default::default(),
            load: LoadShed::new(1, Default::default(), Default::default()),
            people: PersonLimit::default(),
            deadline: Duration::from_secs(10),
            callers: Arc::new(Callers::Istio(vec![ALLOWED.to_owned()])),
        };
        let verifier = TokenVerifier::strict(&issuer.jwks()).await;
        let stack = stacks::billing_portal(service, AdmitOwner(verifier.shared()), Arc::clone(&outside) as _, &shared);
        Self { stack, outside, issuer, forger, tokens: RefCell::default(), _verifier: verifier }
    }

    /// Makes the call of a case. Returns its URL or the reason of its refusal, and what it did until the response.
    pub(super) async fn decide(&self, case: &Case) -> (Result<String, String>, Vec<Event>) {
        *self.outside.scene() = Scene { case: Some(case.clone()), ..Scene::default() };
        let response = self.stack.clone().call(self.request(case)).await.unwrap();
        let events = std::mem::take(&mut self.outside.scene().events);
        let (head, body) = response.into_parts();
        if let Some(status) = Status::from_header_map(&head.headers) {
            return (Err(ClientError::of(&status).reason), events);
        }
        let message = body.collect().await.unwrap().to_bytes();
        (Ok(CreatePortalSessionResponse::decode(message.slice(5..)).unwrap().url), events)
    }

    fn request(&self, case: &Case) -> http::Request<Body> {
        let is_forged = matches!(case.token, Token::Forged);
        let key = if is_forged { &self.forger } else { &self.issuer };
        let mut tokens = self.tokens.borrow_mut();
        let token = tokens
            .entry(format!("{is_forged} {} {} {}", case.user, case.tenant, case.role))
            .or_insert_with(|| key.token(USERS[case.user], TENANTS[case.tenant], case.role));
        let mut request = grpc("service", token);
        for (name, value) in identity(case.caller) {
            request = request.header(name, value);
        }
        let message = CreatePortalSessionRequest { displayed_tenant_id: case.displayed.to_owned(), ..home() };
        let mut request = request.body(Body::from(frame(0, &message.encode_to_vec()))).unwrap();
        if matches!(case.token, Token::Missing) {
            request.headers_mut().remove("authorization");
        }
        request
    }
}

/// Returns the headers that name the calling workload.
fn identity(caller: Caller) -> Vec<(&'static str, String)> {
    const ISTIO: &str = "x-forwarded-client-cert";
    let (allowed, other) = (format!("URI={ALLOWED}"), "URI=spiffe://cluster.local/ns/app/sa/other".to_owned());
    match caller {
        Caller::Allowed => vec![(ISTIO, allowed)],
        Caller::AllowedAfterForged => vec![(ISTIO, format!("{other},{allowed}"))],
        Caller::OtherAfterForged => vec![(ISTIO, format!("{allowed},{other}"))],
        Caller::Other => vec![(ISTIO, other)],
        Caller::Missing => Vec::new(),
        Caller::Duplicate => vec![(ISTIO, allowed.clone()), (ISTIO, allowed)],
        Caller::OtherMesh => vec![(ISTIO, allowed), ("l5d-client-id", ALLOWED.to_owned())],
    }
}

impl Outside {
    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.0.lock().unwrap()
    }
}

impl Scene {
    fn case(&self) -> &Case {
        self.case.as_ref().unwrap()
    }

    fn state(&self, is_later: bool) -> &State {
        let case = self.case();
        if is_later { case.after.as_ref().unwrap_or(&case.before) } else { &case.before }
    }
}

/// Returns the position of a name.
fn position(names: [&str; 2], name: &str) -> usize {
    names.iter().position(|other| *other == name).unwrap()
}

#[async_trait]
impl Flag for Outside {
    async fn is_on(&self, tenant: &TenantId) -> bool {
        let mut scene = self.scene();
        scene.events.push(Event::Flag(tenant.as_str().to_owned()));
        scene.state(scene.is_refreshed).flags[position(TENANTS, tenant.as_str())]
    }

    async fn refresh(&self) {
        let mut scene = self.scene();
        scene.events.push(Event::Refresh);
        scene.is_refreshed = scene.is_answered;
    }
}

#[async_trait]
impl Directory for Outside {
    async fn look_up(&self, tenant: &TenantId, user: &UserId) -> Result<DirectoryEntry, Refusal> {
        let mut scene = self.scene();
        scene.events.push(Event::Directory(tenant.as_str().to_owned(), user.as_str().to_owned()));
        let state = scene.state(scene.is_answered);
        let (tenant, user) = (position(TENANTS, tenant.as_str()), position(USERS, user.as_str()));
        if !state.is_database_available {
            return Err(Refusal::because(Reason::DatabaseUnavailable, "down"));
        }
        let mapping = match state.mappings[tenant] {
            Row::Customer(customer) => Mapping::Customer(CustomerId::parse(CUSTOMERS[customer]).unwrap()),
            Row::None => Mapping::None,
            Row::TwoRows => Mapping::Broken(Integrity::TwoRows),
            Row::SharedCustomer => Mapping::Broken(Integrity::SharedCustomer),
            Row::MalformedCustomer => Mapping::Broken(Integrity::MalformedCustomer),
        };
        Ok(DirectoryEntry { is_owner: state.owners[tenant][user], mapping })
    }
}

#[async_trait]
impl AuditLog for Outside {
    async fn append(&self, entry: AuditEntry, _: bool) -> Result<(), Refusal> {
        let mut scene = self.scene();
        let is_lost = match (scene.case().audit, entry.reason) {
            (Audit::IntentFails, None) | (Audit::SuccessFails, Some("OK")) => true,
            (Audit::Works | Audit::IntentFails | Audit::SuccessFails, _) => false,
        };
        if is_lost {
            return Err(Refusal::because(Reason::AuditUnavailable, "disk is full"));
        }
        scene.events.push(match entry.reason {
            Some(reason) => Event::Outcome { reason, released: entry.released.unwrap() },
            None => Event::Intent(serde_json::to_value(&entry).unwrap()["customer"].as_str().unwrap().to_owned()),
        });
        Ok(())
    }
}

#[async_trait]
impl PortalSessions for Outside {
    async fn open(
        &self,
        customer: &CustomerId,
        request: &PortalRequest,
        _: Instant,
        _: &CallAudit,
    ) -> (Result<RecordedTenant, Refusal>, Result<CheckedSession, Refusal>) {
        let mut scene = self.scene();
        scene.events.push(Event::Stripe(customer.as_str().to_owned()));
        scene.is_answered = true;
        let settings = SessionSettings {
            mode: Mode::Test,
            configuration: None,
            tenant_metadata_key: "tenant_id".to_owned(),
            session_hosts: SessionHosts::new(vec!["billing.stripe.com".to_owned()]),
        };
        let asked = position(CUSTOMERS, customer.as_str());
        let recorded = answers::customer(scene.case().customers[asked], asked, scene.case().tenant)
            .and_then(|body| recorded_tenant(&parse_customer(&body)?, customer, &settings));
        let session = answers::session(scene.case().session, asked)
            .and_then(|body| checked_session(&parse_session(&body)?, customer, request, &settings));
        (recorded, session)
    }
}
