//! Tests of the requests to Stripe, and of the responses that the service accepts or rejects.

mod attempts;
mod endless;
mod faults;
mod flows;
mod rates;
mod sessions;
mod simulator;
