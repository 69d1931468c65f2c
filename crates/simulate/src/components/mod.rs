//! The simulated parts of a platform, each of which behaves as the real one does.

pub mod alert;
pub mod autoscaler;
pub mod callers;
pub mod cells;
pub mod cfs;
pub mod crash_loop;
pub mod kafka;
pub mod load;
pub mod packets;
pub mod pgbouncer;
pub mod postgres;
pub mod responder;
pub mod station;
