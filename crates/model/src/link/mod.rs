//! Finds, once, what belongs to what: which workloads run which service, what an autoscaler scales,
//! which database a pool reaches. Rules read the answers and never search for themselves.
//!
//! Every step looks names up in an index that is built once, so that linking stays linear in the
//! number of parts. What resolves to nothing is kept as a [`crate::delivery::Dangling`] or stays
//! unlinked; nothing is guessed where two things could be meant.

mod facts;
mod members;
mod names;
mod owners;
mod scale;
mod services;
mod stores;
mod topics;
mod variables;

#[cfg(test)]
mod tests;

use crate::platform::Environment;

pub use names::bare_name;
pub use owners::Owners;

/// Builds the services and collects their variables, before anything that waits on variables is read
/// (code whose settings come from its environment). [`link`] follows when all is read and does it again
/// with what was added.
pub fn prepare(env: &mut Environment) -> Owners {
    variables::resolve_config_maps(&mut env.parts);
    services::build(env);
    variables::collect(&mut env.parts);
    Owners::of(env)
}

/// Resolves every relation of `env`. Called once, after all readers and the overlay. The order
/// matters: services first, then who owns what, then everything that looks through a service.
pub fn link(env: &mut Environment) {
    variables::resolve_config_maps(&mut env.parts);
    services::build(env);
    owners::resolve(env);
    variables::collect(&mut env.parts);
    members::merge(env);
    scale::link(env);
    stores::link(env);
    topics::link(&mut env.parts);
}
