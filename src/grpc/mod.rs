//! The way in: what stands between a socket and the domain. Outermost first: [`boundary`] (request id, audit trail, final
//! shape of every status), [`gate`] (overload, shutdown), [`deadline`], [`caller`] (which
//! workload), [`interceptor`] (token and role), [`service`].

pub mod boundary;
pub mod caller;
pub mod deadline;
pub mod gate;
pub mod health;
pub mod interceptor;
pub mod keys;
pub mod proto;
pub mod service;
pub mod session_rate;
pub mod status;
pub mod token;
mod trace;
mod unique_json;
mod xfcc;
