//! State machines that keep a platform running while parts of it fail.
//!
//! They do no I/O and have neither a clock nor a source of randomness: `now` is an argument, and so is a
//! [`Random`]. Therefore the simulator can run them under virtual time and the data path under real time,
//! with the same decisions. Every policy has a configuration that is checked when the policy is built, gives
//! the reason of each decision, and issues tokens that carry the generation of the state that issued them, so
//! that a late or repeated result changes nothing.

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
pub mod trace;
pub mod window;

mod identity;
mod nanos;
mod number;
mod random;
mod time;

pub use random::Random;
pub use time::Time;
