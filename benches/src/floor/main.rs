//! What cannot be saved: a bare tonic server that answers at once, or after the unavoidable work of a call; and a bare
//! client of Stripe. Nothing is checked but the signature, and nothing but the messages and the SQL statement is shared with
//! the service.

mod audit;
mod session;
mod stripe;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use billing_portal::grpc::proto::{
    CreatePortalSessionRequest, CreatePortalSessionResponse, GetPortalAccessRequest, GetPortalAccessResponse, Reason,
    billing_portal_server::{BillingPortal, BillingPortalServer},
    portal_access_server::{PortalAccess, PortalAccessServer},
};
use billing_portal_bench::{closed_loop, usage};
use clap::Parser;
use jsonwebtoken::{Algorithm, DecodingKey, jwk::JwkSet};
use session::Sessions;
use stripe::Stripe;
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    metadata::MetadataMap,
    transport::{Server, server::TcpIncoming},
};

/// A bare server, or a bare client of Stripe.
#[derive(Parser)]
struct Arguments {
    /// Verify the signature of the bearer token with this key set
    #[arg(long)]
    jwks: Option<PathBuf>,
    /// Do the work of a session, with this SQLite file
    #[arg(long, requires_all = ["jwks", "stripe", "audit"])]
    directory: Option<PathBuf>,
    /// Base URL of Stripe
    #[arg(long)]
    stripe: Option<String>,
    /// File for audit lines
    #[arg(long)]
    audit: Option<PathBuf>,
    /// Serve nothing, and make the requests of this number of sessions at the same time
    #[arg(long, requires_all = ["stripe", "seconds", "ramp_ms"])]
    client: Option<usize>,
    /// How long the client measures
    #[arg(long)]
    seconds: Option<f64>,
    /// The time over which the client spreads its first requests
    #[arg(long)]
    ramp_ms: Option<u64>,
}

struct Floor {
    key: Option<DecodingKey>,
    sessions: Option<Sessions>,
}

impl Floor {
    /// Returns the signed part of a token whose signature is valid.
    fn verify<'a>(&self, metadata: &'a MetadataMap) -> Result<&'a str, Status> {
        let Some(key) = &self.key else { return Ok("") };
        let value = metadata.get("authorization").and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let (signed, signature) = token.rsplit_once('.').unwrap_or_default();
        match jsonwebtoken::crypto::verify(signature, signed.as_bytes(), key, Algorithm::EdDSA) {
            Ok(true) => Ok(signed),
            Ok(false) | Err(_) => Err(Status::unauthenticated("signature")),
        }
    }
}

#[tonic::async_trait]
impl PortalAccess for Floor {
    async fn get_portal_access(
        &self,
        request: Request<GetPortalAccessRequest>,
    ) -> Result<Response<GetPortalAccessResponse>, Status> {
        self.verify(request.metadata())?;
        Ok(Response::new(GetPortalAccessResponse { visible: true, reason: Reason::Allowed.into() }))
    }
}

#[tonic::async_trait]
impl BillingPortal for Floor {
    async fn create_portal_session(
        &self,
        request: Request<CreatePortalSessionRequest>,
    ) -> Result<Response<CreatePortalSessionResponse>, Status> {
        let signed = self.verify(request.metadata())?;
        let Some(sessions) = &self.sessions else { return Err(Status::unimplemented("no directory")) };
        match sessions.open(signed, &request.get_ref().return_url).await {
            Ok(url) => Ok(Response::new(CreatePortalSessionResponse { url })),
            Err(error) => Err(Status::internal(error.to_string())),
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut stripe = arguments.stripe.map(Stripe::new);
    if let (Some(in_flight), Some(seconds), Some(ramp)) = (arguments.client, arguments.seconds, arguments.ramp_ms) {
        let (duration, ramp) = (Duration::from_secs_f64(seconds), Duration::from_millis(ramp));
        return client(in_flight, duration, ramp, stripe.take().context("--stripe")?).await;
    }
    let key = match &arguments.jwks {
        Some(path) => {
            let keys: JwkSet = serde_json::from_slice(&std::fs::read(path)?)?;
            Some(DecodingKey::from_jwk(keys.keys.first().context("no key")?)?)
        }
        None => None,
    };
    let sessions = match (arguments.directory, stripe, arguments.audit) {
        (Some(directory), Some(stripe), Some(audit)) => Some(Sessions::new(&directory, stripe, &audit)?),
        _ => None,
    };
    let floor = Arc::new(Floor { key, sessions });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("{}", serde_json::json!({"message": "listening", "address": listener.local_addr()?.to_string()}));
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder()
        .add_service(PortalAccessServer::from_arc(Arc::clone(&floor)))
        .add_service(BillingPortalServer::from_arc(floor))
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}

/// Warms up, measures, and prints what was measured with the CPU time.
async fn client(in_flight: usize, duration: Duration, ramp: Duration, stripe: Stripe) -> Result<()> {
    let stripe = Arc::new(stripe);
    let call = move || {
        let stripe = Arc::clone(&stripe);
        async move { stripe.open("cus_T1", "https://app.example.com/settings").await.map(drop) }
    };
    closed_loop::run(in_flight, duration / 3, ramp, call.clone()).await?;
    let before = usage::of("self")?;
    let measured = closed_loop::run(in_flight, duration, ramp, call).await?;
    println!("{}", serde_json::to_string(&(measured, usage::of("self")?.cpu - before.cpu))?);
    Ok(())
}
