//! The way in: what stands between a socket and the domain. Outermost first: [`layers::boundary`] (request id, audit trail, final
//! shape of every status), [`layers::load_shed`] (overload, shutdown), [`layers::deadline`], [`caller`] (which
//! workload), [`auth::interceptor`] (token and role), [`services`].

pub mod auth;
pub mod caller;
pub mod health;
pub mod layers;
pub mod proto;
pub mod services;
pub mod status;
