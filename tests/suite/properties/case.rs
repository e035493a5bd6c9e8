//! Everything on which one decision depends, and how it is generated. Most facts allow the call, so that a case often has exactly
//! one that does not.

use proptest::{
    prelude::{Just, Strategy, any},
    prop_oneof,
    sample::select,
};

/// The tenants. Other facts name them by their positions.
pub(super) const TENANTS: [&str; 2] = ["acme", "globex"];

/// The people.
pub(super) const USERS: [&str; 2] = ["olivia", "greta"];

/// The customers at Stripe.
pub(super) const CUSTOMERS: [&str; 2] = ["cus_A", "cus_B"];

/// Everything on which one decision depends.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) caller: Caller,
    pub(super) token: Token,
    pub(super) role: &'static str,
    pub(super) tenant: usize,
    pub(super) user: usize,
    pub(super) displayed: &'static str,
    /// Flag and directory when the call arrives.
    pub(super) before: State,
    /// Flag and directory once Stripe has answered; `None` if nothing has changed.
    pub(super) after: Option<State>,
    /// What Stripe answers about each customer.
    pub(super) customers: [CustomerAnswer; 2],
    pub(super) session: SessionAnswer,
    pub(super) audit: Audit,
}

/// The workload that calls, as the sidecar's header names it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Caller {
    Allowed,
    /// The caller sent a header of its own, and the sidecar appended the allowed identity.
    AllowedAfterForged,
    /// The caller sent the allowed identity, and the sidecar appended a different one.
    OtherAfterForged,
    Other,
    Missing,
    Duplicate,
    OtherMesh,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Token {
    Valid,
    Missing,
    /// Signed with another key.
    Forged,
}

/// What flag and directory say at one moment.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Whether the flag is on, for each tenant.
    pub(super) flags: [bool; 2],
    pub(super) is_database_available: bool,
    /// Whether each user owns each tenant: `owners[tenant][user]`.
    pub(super) owners: [[bool; 2]; 2],
    /// The mapping of each tenant.
    pub(super) mappings: [Row; 2],
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Row {
    Customer(usize),
    None,
    TwoRows,
    SharedCustomer,
    MalformedCustomer,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum CustomerAnswer {
    /// The customer, with the tenant in its metadata.
    Names(Option<&'static str>),
    Deleted,
    OtherMode,
    /// A different customer, which names the right tenant.
    OtherCustomer,
    Unavailable,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum SessionAnswer {
    Fits,
    /// A session of the other customer.
    OtherCustomer,
    OtherMode,
    OtherReturnUrl,
    OtherHost,
    /// A session with a flow, which was not requested.
    WithFlow,
    WithoutUrl,
    Unavailable,
}

/// Which audit entry cannot be written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Audit {
    Works,
    IntentFails,
    SuccessFails,
}

/// Generates cases.
pub(super) fn case() -> impl Strategy<Value = Case> {
    let person = (caller(), token(), role(), 0..2_usize, 0..2_usize, displayed());
    let world = (state(), prop_oneof![3 => Just(None), 2 => state().prop_map(Some)]);
    let answers = ([customer(0), customer(1)], session(), audit());
    (person, world, answers).prop_map(|(person, (before, after), (customers, session, audit))| {
        let (caller, token, role, tenant, user, displayed) = person;
        // Most pages display the tenant of the token.
        let displayed = if displayed == "(same)" { TENANTS[tenant] } else { displayed };
        Case { caller, token, role, tenant, user, displayed, before, after, customers, session, audit }
    })
}

fn caller() -> impl Strategy<Value = Caller> {
    use Caller::{Allowed, AllowedAfterForged, Duplicate, Missing, Other, OtherAfterForged, OtherMesh};
    let others = select(vec![AllowedAfterForged, OtherAfterForged, Other, Missing, Duplicate, OtherMesh]);
    prop_oneof![12 => Just(Allowed), 1 => others]
}

fn token() -> impl Strategy<Value = Token> {
    prop_oneof![20 => Just(Token::Valid), 1 => select(vec![Token::Missing, Token::Forged])]
}

fn role() -> impl Strategy<Value = &'static str> {
    prop_oneof![12 => Just("owner"), 1 => select(vec!["admin", "Owner", "owner ", "member", "оwner"])]
}

fn displayed() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => select(vec!["", "(same)"]), 1 => select(vec!["acme", "globex", "ACME", "acme ", "no id\n"])]
}

fn state() -> impl Strategy<Value = State> {
    let likely = || prop_oneof![9 => Just(true), 1 => any::<bool>()];
    let owners = [[likely(), likely()], [likely(), likely()]];
    let available = prop_oneof![30 => Just(true), 1 => Just(false)];
    ([likely(), likely()], available, owners, [row(0), row(1)]).prop_map(
        |(flags, is_database_available, owners, mappings)| State { flags, is_database_available, owners, mappings },
    )
}

/// The mapping of a tenant: most often to the customer at the same position.
fn row(tenant: usize) -> impl Strategy<Value = Row> {
    let broken = select(vec![Row::TwoRows, Row::SharedCustomer, Row::MalformedCustomer]);
    prop_oneof![16 => Just(Row::Customer(tenant)), 2 => Just(Row::Customer(1 - tenant)), 1 => Just(Row::None), 1 => broken]
}

/// What Stripe answers about a customer: most often that it names the tenant at the same position.
fn customer(position: usize) -> impl Strategy<Value = CustomerAnswer> {
    use CustomerAnswer::{Deleted, Names, OtherCustomer, OtherMode, Unavailable};
    let names = [None, Some(""), Some("Acme"), Some("acme "), Some("acme"), Some("globex")].map(Names);
    let others = [&names[..], &[Deleted, OtherMode, OtherCustomer, Unavailable]].concat();
    prop_oneof![4 => Just(Names(Some(TENANTS[position]))), 1 => select(others)]
}

fn session() -> impl Strategy<Value = SessionAnswer> {
    use SessionAnswer::{Fits, OtherCustomer, OtherHost, OtherMode, OtherReturnUrl, Unavailable, WithFlow, WithoutUrl};
    let others = vec![OtherCustomer, OtherMode, OtherReturnUrl, OtherHost, WithFlow, WithoutUrl, Unavailable];
    prop_oneof![4 => Just(Fits), 1 => select(others)]
}

fn audit() -> impl Strategy<Value = Audit> {
    prop_oneof![20 => Just(Audit::Works), 1 => select(vec![Audit::IntentFails, Audit::SuccessFails])]
}
