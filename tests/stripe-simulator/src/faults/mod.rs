//! Faults and lies: which there are, what they do, and which one befalls a request.
//!
//! A customer brings its own, by [`Customer::fault`](crate::Customer::fault), by its metadata or by its id, so that a client
//! in another process can choose, too; other faults befall whoever asks.

mod effect;
mod fault;
mod injection;
mod lies;
mod noise;
mod refusals;

pub(crate) use effect::{Asked, Effect, Refusal};
pub use fault::Fault;
pub use injection::Injection;

use crate::{model::Customer, state::State};

/// The key of metadata that names a customer's fault, as [`Injection`] is written.
pub(crate) const METADATA_KEY: &str = "simulator_fault";

/// A fault in force, and how many requests it could have befallen so far.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) injection: Injection,
    seen: u32,
}

impl Active {
    pub(crate) const fn new(injection: Injection) -> Self {
        Self { injection, seen: 0 }
    }

    fn next(&mut self, asked: &Asked) -> Option<Injection> {
        let befalls = self.injection.befalls(asked.endpoint, self.seen);
        self.seen = self.seen.saturating_add(u32::from(self.injection.is_on(asked.endpoint)));
        befalls.then_some(self.injection)
    }
}

/// The one fault that befalls a request: its customer's, else the first of the others that does.
///
/// # Errors
/// When the customer's metadata names a fault that there is not.
pub(crate) fn choose(state: &mut State, asked: &Asked) -> Result<Option<Injection>, String> {
    if let (Some(mode), Some(id)) = (asked.mode, &asked.customer) {
        let key = (mode, id.clone());
        if let Some(injection) = of_customer(state.customers.get(&key), id)? {
            let active = state.customer_faults.entry(key).or_insert_with(|| Active::new(injection));
            if let Some(injection) = active.next(asked) {
                return Ok(Some(injection));
            }
        }
    }
    Ok(state.faults.iter_mut().find_map(|active| active.next(asked)))
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
