//! State machines that hold a platform up while parts of it fail.
//!
//! They do no I/O and own neither a clock nor a source of randomness: `now` is an argument, and so is a
//! [`Random`]. That is why the simulator can run them under virtual time and the data path under real time
//! and both take the same decisions. Every policy comes with a configuration that is checked when the policy
//! is built, tells the reason of each decision, and hands out tokens that carry the generation of the state
//! that issued them, so that a result that comes late or twice changes nothing.

pub mod admission;
pub mod breaker;
pub mod budget;
pub mod emergency;
pub mod grey;
pub mod hedge;
pub mod outlier;
pub mod pool_sizing;
pub mod retry;
pub mod shared;
pub mod shift;
pub mod timeouts;
pub mod window;

mod identity;
mod random;
mod time;

pub use random::Random;
pub use time::Time;
