//! Faults, their effects, and the choice of the fault for a request.
//!
//! A customer can have a fault by [`Customer::fault`](crate::Customer::fault), by its metadata or by its ID, so that a client
//! in another process can also choose one. Injected faults apply to all requests.

mod effect;
mod fault;
mod injection;
mod malformed;
mod refusals;
mod wrong_content;

pub(crate) use effect::{Effect, Refusal, RequestInfo};
pub use fault::Fault;
pub use injection::Injection;

use crate::{model::Customer, state::State};

/// The metadata key of a customer's fault, which is an [`Injection`] in text form.
pub(crate) const METADATA_KEY: &str = "simulator_fault";

/// An active fault, and the number of matching requests so far.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) injection: Injection,
    seen: u32,
}

impl Active {
    pub(crate) const fn new(injection: Injection) -> Self {
        Self { injection, seen: 0 }
    }

    fn next(&mut self, request: &RequestInfo) -> Option<Injection> {
        let applies = self.injection.applies_to(request.endpoint, self.seen);
        self.seen = self.seen.saturating_add(u32::from(self.injection.matches(request.endpoint)));
        applies.then_some(self.injection)
    }
}

/// Returns the fault for a request: the customer's if it applies, otherwise the first injected one that applies.
///
/// # Errors
/// Fails if the customer's metadata contains an invalid fault.
pub(crate) fn choose(state: &mut State, request: &RequestInfo) -> Result<Option<Injection>, String> {
    if let (Some(mode), Some(id)) = (request.mode, &request.customer) {
        let key = (mode, id.clone());
        if let Some(injection) = of_customer(state.customers.get(&key), id)? {
            let active = state.customer_faults.entry(key).or_insert_with(|| Active::new(injection));
            if let Some(injection) = active.next(request) {
                return Ok(Some(injection));
            }
        }
    }
    Ok(state.faults.iter_mut().find_map(|active| active.next(request)))
}

fn of_customer(customer: Option<&Customer>, id: &str) -> Result<Option<Injection>, String> {
    if let Some(customer) = customer {
        if let Some(injection) = customer.fault {
            return Ok(Some(injection));
        }
        if let Some((_, text)) = customer.metadata.iter().find(|(key, _)| key == METADATA_KEY) {
            return text.parse().map(Some);
        }
    }
    Ok(Fault::of_customer_id(id).map(Injection::from))
}
