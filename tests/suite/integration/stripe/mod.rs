//! What is asked of Stripe, and which of its answers are believed.

pub(crate) mod answers;
mod attempts;
mod faults;
mod pace;
mod sessions;
mod simulator;
