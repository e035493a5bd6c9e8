//! The servers of a class. Cases with the same settings share one, unless they leave something behind.

use std::{
    io::{Seek as _, SeekFrom},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    call,
    case::{Case, Directory, During, Token},
    hooks, message,
    relay::Relay,
    token::Keys,
};
use crate::support::{World, files::replace, raw_call::RawClient, stripe::hold_responses};

/// A running server with everything around it.
pub(super) struct Environment {
    pub(super) world: World,
    pub(super) client: RawClient,
    keys: Keys,
    relay: Relay,
}

impl Environment {
    /// Starts the server for a case.
    pub(super) async fn start(case: &Case) -> Self {
        let relay = Relay::start().await;
        let base = format!("--stripe-api-base={}", relay.url);
        let mut settings: Vec<&str> = case.settings.iter().map(String::as_str).collect();
        if case.has_raw_response() {
            settings.push(&base);
        }
        let world = World::with(&settings).await;
        let keys = Keys::generate();
        let set = json!({"keys": [world.issuer.jwk(), keys.p256_jwk()]});
        replace(&world.path("jwks.json"), &set.to_string());
        Self { world, client: RawClient::new(), keys, relay }
    }

    /// Waits until the key set with the P-256 key is in use, if the token of a case is signed with it.
    async fn wait_for_keys(&self, case: &Case) {
        if case.token.sign.as_deref().is_some_and(|sign| sign.starts_with("p256")) {
            let valid = Token { sign: Some("p256".to_owned()), ..Token::default() };
            let token = self.keys.token(&self.world.issuer, &valid);
            while self.world.access(&token, "").await.is_err() {
                tokio::task::yield_now().await;
            }
        }
    }

    pub(super) fn token(&self, case: &Case) -> String {
        self.keys.token(&self.world.issuer, &case.token)
    }

    /// Makes the changes of a case, and forgets everything that was counted.
    pub(super) async fn prepare(&self, case: &Case) {
        self.wait_for_keys(case).await;
        if case.after_valid_call {
            self.world.open(&self.world.olivia()).await.unwrap();
        }
        hooks::change_directory(&self.world, &case.directory);
        if let Some(flag) = &case.flag {
            hooks::change_flag(&self.world, flag);
            // Reads the file after Stripe has answered, unless the change already counts.
            drop(self.world.open(&self.world.olivia()).await);
        }
        self.relay.set(self.world.stripe.base_url(), case.stripe.customer.raw.clone(), case.stripe.session.raw.clone());
        hooks::change_stripe(&self.world, &case.stripe);
        self.world.stripe.forget_requests();
        self.world.queries.take();
    }

    /// The number of bytes in the audit log.
    pub(super) fn audit_length(&self) -> u64 {
        std::fs::metadata(self.world.path("audit.jsonl")).unwrap().len()
    }

    /// Returns the audit outcomes behind a number of bytes, and the text of all entries there. A call is audited before its
    /// response, but after its stream is reset.
    pub(super) async fn outcomes_since(&self, length: u64, is_expected: bool) -> (Vec<Value>, String) {
        let limit = Instant::now() + Duration::from_secs(5);
        loop {
            let mut file = std::fs::File::open(self.world.path("audit.jsonl")).unwrap();
            file.seek(SeekFrom::Start(length)).unwrap();
            let text = std::io::read_to_string(file).unwrap();
            let entries = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let outcomes: Vec<_> = entries.filter(|entry| entry["event"] == "outcome").collect();
            if outcomes.is_empty() == is_expected && Instant::now() < limit {
                tokio::task::yield_now().await;
                continue;
            }
            return (outcomes, text);
        }
    }

    /// Undoes the changes of a case that shares its server.
    pub(super) async fn restore(&self, case: &Case) {
        hooks::restore_stripe(&self.world);
        if case.directory.tenants.is_some() || case.directory.owners.is_some() {
            hooks::change_directory(&self.world, &usual_directory());
        }
    }

    /// Sends the request of a case. `change` happens while Stripe is answering.
    pub(super) async fn call(&self, case: &Case, headers: &call::Headers) -> call::Reply {
        let body = message::body(case);
        if case.http2 {
            return super::http2::send(self.world.address, headers, &body).await;
        }
        let sent = call::send(&self.client, self.world.address, headers, &body);
        let Some(change) = &case.during else { return sent.await };
        let (received, release) = hold_responses(&self.world.stripe);
        let (reply, ()) = tokio::join!(sent, async {
            received.notified().await;
            self.change(change).await;
            release.add_permits(10);
        });
        reply
    }

    async fn change(&self, during: &During) {
        hooks::change_directory(&self.world, &during.directory);
        if let Some(flag) = &during.flag {
            hooks::change_flag(&self.world, flag);
        }
    }
}

/// Returns the rows of every world.
fn usual_directory() -> Directory {
    let rows = |rows: [(&str, Value); 4]| Some(rows.into_iter().map(|(one, other)| (one.into(), other)).collect());
    Directory {
        tenants: rows([
            ("acme", "cus_A".into()),
            ("globex", "cus_B".into()),
            ("dark", "cus_D".into()),
            ("initech", Value::Null),
        ]),
        owners: rows([
            ("acme", "olivia".into()),
            ("globex", "greta".into()),
            ("dark", "dora".into()),
            ("initech", "ines".into()),
        ]),
        sql: None,
    }
}
