//! Limits how many calls of one person are in flight, so that one token cannot occupy the service for everyone. Inside the
//! interceptor, which verifies who the person is, and outside the message, which is the first thing that can take time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::extract::Request;

use crate::{
    grpc::layers::stack::{Handler, Layer, Outcome, missing_layer},
    portal::{Principal, Reason, Refusal, TenantId, UserId},
};

/// The maximum number of concurrent calls of one person.
const MAX_CALLS: usize = 16;

/// A person in a tenant, as for the [rate of sessions](super::session_rate).
type Person = (TenantId, UserId);

/// The calls in flight, by person. People without a call have no entry.
#[derive(Clone, Debug, Default)]
pub struct PersonLimit(Arc<Mutex<HashMap<Person, usize>>>);

/// One call of a person. Dropped when the call ends, whatever ends it; a call whose caller has disconnected may still run.
struct PersonCall {
    limit: PersonLimit,
    person: Person,
}

/// Counts the calls of both services together.
impl Layer for PersonLimit {
    async fn call(&self, request: Request, inside: &Arc<impl Handler>) -> Outcome {
        let principal: &Principal = request.extensions().get().ok_or_else(missing_layer)?;
        let _call = self.begin((principal.tenant().clone(), principal.user().clone()))?;
        inside.handle(request).await
    }
}

impl PersonLimit {
    fn begin(&self, person: Person) -> Result<PersonCall, Refusal> {
        let mut people = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = people.entry(person.clone()).or_default();
        if *calls == MAX_CALLS {
            return Err(Refusal::because(Reason::Overloaded, "maximum number of calls of this person is in flight"));
        }
        *calls += 1;
        Ok(PersonCall { limit: self.clone(), person })
    }
}

impl Drop for PersonCall {
    fn drop(&mut self) {
        let mut people = self.limit.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(calls) = people.get_mut(&self.person) {
            *calls -= 1;
            if *calls == 0 {
                people.remove(&self.person);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_person_has_16_calls_and_leaves_no_entry() {
        let limit = PersonLimit::default();
        let person = |tenant, user| (TenantId::parse(tenant).unwrap(), UserId::parse(user).unwrap());
        let begin = |tenant, user| limit.begin(person(tenant, user));
        let mut calls: Vec<_> = (0..16).map(|_| begin("acme", "olivia").unwrap()).collect();
        assert!(begin("acme", "olivia").is_err());
        assert!(begin("acme", "otto").is_ok() && begin("globex", "olivia").is_ok());
        calls.pop();
        let last = begin("acme", "olivia").unwrap();
        assert!(begin("acme", "olivia").is_err());
        drop((calls, last));
        assert!(limit.0.lock().unwrap().is_empty());
    }
}
