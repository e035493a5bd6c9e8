//! The layers around our services.

pub mod boundary;
pub mod deadline;
pub mod load_shed;
pub mod session_rate;
mod trace;
