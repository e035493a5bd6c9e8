//! The calls that the driver sends, each with the next token.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use billing_portal::grpc::proto::{
    CreatePortalSessionRequest, GetPortalAccessRequest, billing_portal_client::BillingPortalClient,
    portal_access_client::PortalAccessClient,
};
use tonic::{
    Code, Request,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};

use crate::situations::{Ask, Tokens};

/// The most connections; the service accepts 256 by default. As far as they suffice, each call in flight has its own. A
/// saturated server would otherwise read and write many calls with one system call, which it cannot do at a normal load.
const CONNECTIONS: usize = 200;

/// The longest that a call may take. Longer than any limit of a contender.
const DEADLINE: Duration = Duration::from_secs(60);

/// Connections to a contender, and what is sent over them.
pub struct Load {
    channels: Vec<Channel>,
    ask: Ask,
    kind: Tokens,
    tokens: Arc<[MetadataValue<Ascii>]>,
    next: AtomicUsize,
}

impl Load {
    /// Connects to a contender.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub async fn connect(
        address: &str,
        in_flight: usize,
        ask: Ask,
        kind: Tokens,
        tokens: Arc<[MetadataValue<Ascii>]>,
    ) -> Result<Self> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?.timeout(DEADLINE);
        let mut channels = Vec::new();
        for _ in 0..in_flight.min(CONNECTIONS) {
            channels.push(endpoint.connect().await?);
        }
        Ok(Self { channels, ask, kind, tokens, next: AtomicUsize::new(0) })
    }

    /// Sends one call.
    ///
    /// # Errors
    /// If the result is not the expected one.
    pub async fn call(&self) -> Result<(), String> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if self.kind == Tokens::Distinct && number >= self.tokens.len() {
            return Err("all tokens were sent".to_owned());
        }
        let channel = self.channels[number % self.channels.len()].clone();
        let token = &self.tokens[number % self.tokens.len()];
        let session = || CreatePortalSessionRequest {
            return_url: "https://app.example.com/settings?billing=returned".to_owned(),
            ..Default::default()
        };
        match self.ask {
            Ask::Access => {
                let request = with(token, GetPortalAccessRequest::default());
                match PortalAccessClient::new(channel).get_portal_access(request).await {
                    Ok(answer) if answer.get_ref().visible => Ok(()),
                    Ok(_) => Err("not visible".to_owned()),
                    Err(status) => Err(status.to_string()),
                }
            }
            Ask::Session => {
                let answer = BillingPortalClient::new(channel).create_portal_session(with(token, session())).await;
                answer.map(drop).map_err(|status| status.to_string())
            }
            Ask::Refusal => {
                match BillingPortalClient::new(channel).create_portal_session(with(token, session())).await {
                    Ok(_) => Err("not refused".to_owned()),
                    Err(status) if status.code() == Code::PermissionDenied => Ok(()),
                    Err(status) => Err(status.to_string()),
                }
            }
        }
    }
}

fn with<T>(token: &MetadataValue<Ascii>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", token.clone());
    request
}
