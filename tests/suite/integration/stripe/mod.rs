//! Tests of the requests to Stripe, and of the responses that the service accepts or rejects.

mod answers;
mod attempts;
mod faults;
mod pace;
mod sessions;
mod simulator;
