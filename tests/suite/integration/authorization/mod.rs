//! Who may open which portal.

mod caller;
mod keyset;
mod predicate;
mod refusals;
mod token;
