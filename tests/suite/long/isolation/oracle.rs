//! Which outcomes a call may have, by docs/contract.md. Written separately from the service, and plainly.

use std::time::{Duration, Instant};

use super::{
    model::{Call, Customer, FLAG_LIMIT, Model, Pair, Person, Session},
    timeline::Span,
};

/// Refusals that a slow machine causes, and what the contract lets a call wait for first: its message, and a connection to the
/// database.
const TOO_SLOW: [(&str, Duration); 2] =
    [("DEADLINE_EXCEEDED", Duration::from_secs(2)), ("DATABASE_UNAVAILABLE", Duration::from_secs(3))];

/// Returns what one state of the directory means for a person: the customer of their tenant, or the reason of a refusal.
fn decide(pair: Pair, person: Person) -> Result<Customer, &'static str> {
    let [entry, other] = if person.tenant().is_multiple_of(2) { pair } else { [pair[1], pair[0]] };
    match entry.customer {
        _ if !entry.owners[person.0 % 2] => Err("NOT_OWNER"),
        None => Err("NO_BILLING_ACCOUNT"),
        shared if shared == other.customer => Err("MAPPING_INTEGRITY"),
        Some(customer) => Ok(customer),
    }
}

impl Model {
    /// Returns whether a call may end as it did.
    ///
    /// A URL must be that of the session that Stripe created for this call, and the session must be for a customer that a state of
    /// the directory gave to this owner during the last query. That query must have begun after Stripe had created the session, so
    /// the state is newer than everything that the call had to wait for. The flag must have been on after that moment as well.
    /// These are facts about the order of events. No order limits the time from the query until the URL is released: it is measured.
    ///
    /// A refusal must be the one for a state during its query, or for the flag or the key during the call.
    pub(super) fn allows(&self, call: &Call) -> bool {
        let reason = call.outcome.as_ref().err().map(String::as_str);
        if let Some((_, least)) = TOO_SLOW.iter().find(|(too_slow, _)| reason == Some(too_slow)) {
            return call.span.until - call.span.from >= *least;
        }
        let key = call.key.published.possible(call.span);
        let (queries, session) = (&call.events.queries[..], call.events.session.as_ref());
        if reason == Some("TOKEN_INVALID") {
            return key.contains(&false) && queries.is_empty() && session.is_none();
        }
        key.contains(&true)
            && match (queries, session) {
                ([], None) => reason == Some("FEATURE_DISABLED") && self.flag_may_be(false, call, call.span.until),
                ([query], None) => {
                    self.flag_may_be(true, call, query.from)
                        && self.decisions(call, *query).any(|decision| decision.is_err_and(|why| reason == Some(why)))
                }
                ([first], Some(session)) => {
                    self.may_create(session, call, *first)
                        && if session.customer.tenant() == call.person().tenant() {
                            reason == Some("FEATURE_DISABLED") && self.flag_may_be(false, call, call.span.until)
                        } else {
                            reason == Some("MAPPING_INTEGRITY")
                        }
                }
                ([first, second], Some(session)) => {
                    self.may_create(session, call, *first)
                        && session.customer.tenant() == call.person().tenant()
                        && session.at <= second.from
                        && self.flag_may_be(true, call, second.from)
                        && self.decisions(call, *second).any(|decision| match decision {
                            Ok(customer) if customer == session.customer => call.outcome.as_ref() == Ok(&session.url),
                            Ok(_) => reason == Some("MAPPING_INTEGRITY"),
                            Err(why) => reason == Some(why),
                        })
                }
                _ => false,
            }
    }

    /// Returns whether the call may create this session after its first query.
    fn may_create(&self, session: &Session, call: &Call, query: Span) -> bool {
        self.flag_may_be(true, call, query.from)
            && query.until <= session.at
            && self.decisions(call, query).any(|decision| decision == Ok(session.customer))
    }

    /// Returns what the states mean that the directory may have had during a query.
    pub(super) fn decisions(&self, call: &Call, query: Span) -> impl Iterator<Item = Result<Customer, &'static str>> {
        let person = call.person();
        self.pairs[person.pair()].possible(query).into_iter().map(move |pair| decide(pair, person))
    }

    /// Returns whether the call may have found the flag on, or off, by a certain time. The service has read the file since
    /// `flag_read`, and reads it again after Stripe has answered, unless this takes too long.
    fn flag_may_be(&self, on: bool, call: &Call, until: Instant) -> bool {
        let answered = call.events.session.as_ref().map(|session| session.at);
        let is_read_again = |at: &Instant| *at <= until && until - *at < FLAG_LIMIT;
        let from = answered.filter(is_read_again).unwrap_or(call.flag_read);
        self.flags[call.person().tenant()].possible(Span { from, until }).contains(&on)
    }

    /// Describes a call, with times since its beginning, for a failure.
    pub(super) fn history(&self, call: &Call) -> String {
        let (person, began) = (call.person(), call.span.from);
        let since = |at: Instant| at.saturating_duration_since(began);
        let mut lines = vec![format!(
            "call {} of u{} in t{}: {:?} after {:?}",
            call.number,
            person.0,
            person.tenant(),
            call.outcome,
            since(call.span.until)
        )];
        lines.push(format!("key may have been published: {:?}", call.key.published.possible(call.span)));
        let flag = Span { from: call.flag_read, until: call.span.until };
        lines.push(format!("flag may have been on: {:?}", self.flags[person.tenant()].possible(flag)));
        for query in &call.events.queries {
            let decisions: Vec<_> = self.decisions(call, *query).collect();
            lines.push(format!("query from {:?} to {:?}: {decisions:?}", since(query.from), since(query.until)));
        }
        if let Some(session) = &call.events.session {
            lines.push(format!("session after {:?}: {:?} {}", since(session.at), session.customer, session.url));
        }
        lines.join("\n  ")
    }
}
