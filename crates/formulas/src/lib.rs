//! The arithmetic of platforms: connections, members of consumer groups, detection times, queues, product
//! defaults. Each formula exists once, with its source, its units and a test against a value computed by hand.
//!
//! Rules and scenarios call it, so what both say about one thing is equal. A formula takes facts through
//! [`Evidence`], which records the place of each, names assumptions and collects what is missing. It never
//! judges: whether a number is too large is a rule's question.

pub mod budget;
pub mod climb;
pub mod connections;
pub mod defaults;
pub mod detection;
pub mod erlang;
pub mod evidence;
pub mod members;
mod places;
pub mod pooler;
mod shown;
pub mod throttling;

pub use evidence::{Confidence, Evidence, Input, Location, Need, Shown};
pub use places::Places;
