//! What is measured: one element for each situation, and nothing about it anywhere else but in the bars.

use serde::Serialize;

use crate::stage::Directory;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Server {
    /// The release build of the service.
    Service,
    /// A bare tonic server.
    Echo,
    /// The same, with one signature verification for each call.
    EchoAndVerification,
    /// The same, with the queries, requests and durable audit entries of a session.
    SessionFloor,
    /// Nobody: a bare HTTP client makes the two requests of each session to Stripe.
    BareClient,
    /// The program `benches/peers/NAME/run`.
    Peer(&'static str),
}

/// What each call asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Whether the person may see the action.
    Access,
    /// A session.
    Session,
    /// A session, by a person who is not an owner.
    Refusal,
}

/// The tokens that the calls have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// The same 64 tokens again and again.
    Repeated,
    /// Each call has a token that was not sent before.
    Distinct,
}

/// Where audit entries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    Real,
    /// Each flush takes 2 ms longer.
    Slow,
    /// A null device.
    None,
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    pub name: &'static str,
    pub server: Server,
    pub ask: Ask,
    pub tokens: Tokens,
    /// Calls at the same time.
    pub in_flight: usize,
    /// How long Stripe takes for each answer.
    pub stripe_ms: u64,
    pub directory: Directory,
    pub disk: Disk,
    /// Whether traces and metrics are exported.
    pub telemetry: bool,
    /// The processors of the server. The driver and Stripe have processor 1.
    pub processors: &'static [usize],
    /// The situation by which the CPU time is divided.
    pub base: Option<&'static str>,
}

impl Situation {
    /// Returns the role in the tokens.
    pub const fn role(&self) -> &'static str {
        match self.ask {
            Ask::Access | Ask::Session => "owner",
            Ask::Refusal => "member",
        }
    }
}

const ACCESS: Situation = Situation {
    name: "",
    server: Server::Service,
    ask: Ask::Access,
    tokens: Tokens::Distinct,
    in_flight: 64,
    stripe_ms: 0,
    directory: Directory::Sqlite(1_000),
    disk: Disk::Real,
    telemetry: false,
    processors: &[0],
    base: None,
};

const SESSION: Situation = Situation { ask: Ask::Session, ..ACCESS };

const BOTH: &[usize] = &[0, 1];

/// Every situation, in the order of the table.
pub const ALL: &[Situation] = &[
    Situation { name: "bare echo", server: Server::Echo, tokens: Tokens::Repeated, ..ACCESS },
    Situation { name: "echo + verification", server: Server::EchoAndVerification, ..ACCESS },
    Situation { name: "access, repeated tokens", tokens: Tokens::Repeated, base: Some("bare echo"), ..ACCESS },
    Situation { name: "access, distinct tokens", base: Some("echo + verification"), ..ACCESS },
    Situation { name: "access, 1 in flight", in_flight: 1, ..ACCESS },
    Situation { name: "access, 256 in flight", in_flight: 256, ..ACCESS },
    Situation { name: "access, 1,000 in flight", in_flight: 1_000, ..ACCESS },
    Situation { name: "access, 5,000 in flight", in_flight: 5_000, ..ACCESS },
    Situation { name: "access, SQLite, 1,000,000 tenants", directory: Directory::Sqlite(1_000_000), ..ACCESS },
    Situation { name: "access, PostgreSQL, 1,000 tenants", directory: Directory::Postgres(1_000), ..ACCESS },
    Situation { name: "access, PostgreSQL, 1,000,000 tenants", directory: Directory::Postgres(1_000_000), ..ACCESS },
    Situation { name: "refused, distinct tokens", ask: Ask::Refusal, base: Some("echo + verification"), ..ACCESS },
    Situation { name: "session floor", server: Server::SessionFloor, ..SESSION },
    Situation { name: "session", base: Some("session floor"), ..SESSION },
    Situation { name: "session, telemetry", telemetry: true, base: Some("session"), ..SESSION },
    Situation { name: "session, null device", disk: Disk::None, base: Some("session"), ..SESSION },
    Situation { name: "session, both cores", processors: BOTH, ..SESSION },
    Situation { name: "session, both cores, null device", processors: BOTH, disk: Disk::None, ..SESSION },
    Situation { name: "session, 2 ms per flush", disk: Disk::Slow, ..SESSION },
    Situation { name: "bare client, 200 ms, 100 in flight", in_flight: 100, ..BARE_CLIENT },
    Situation { name: "session, 200 ms, 100 in flight", stripe_ms: 200, in_flight: 100, ..SESSION },
    Situation { name: "bare client, 200 ms, 1,000 in flight", ..BARE_CLIENT },
    Situation { name: "session, 200 ms, 1,000 in flight", stripe_ms: 200, in_flight: 1_000, ..SESSION },
    Situation { name: "session, 1 s, 5,000 in flight", stripe_ms: 1_000, in_flight: 5_000, ..SESSION },
    Situation { name: "Node.js, session", server: Server::Peer("node"), base: Some("session"), ..SESSION },
    Situation { name: "Go, session", server: Server::Peer("go"), base: Some("session"), ..SESSION },
];

const BARE_CLIENT: Situation = Situation { server: Server::BareClient, stripe_ms: 200, in_flight: 1_000, ..SESSION };
