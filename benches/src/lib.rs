//! What the driver and the floor share: calls in a closed loop, and what a process has used.

pub mod closed_loop;
pub mod usage;
