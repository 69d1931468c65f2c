//! Determines, once, how parts are related: which workloads run which service, what an autoscaler scales,
//! which database a pool reaches. Rules read the results and never search themselves.
//!
//! Every step looks names up in an index that is built once, so that linking stays linear in the number of
//! parts. A name that resolves to nothing is kept as a [`crate::delivery::Dangling`] or stays unlinked; if a
//! name is ambiguous, nothing is guessed.

mod addresses;
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

pub use names::{bare_name, without_environment};
pub use owners::{Owners, is_bought_in};

/// Builds the services and collects their variables, before readers that need variables run (code whose
/// settings come from its environment). [`link`] runs when everything is read and repeats this with the
/// additions.
pub fn prepare(env: &mut Environment) -> Owners {
    variables::resolve_config_maps(&mut env.parts);
    services::build(env);
    variables::collect(&mut env.parts);
    Owners::of(env)
}

/// Resolves every relation of `env`. Called once, after all readers and the overlay. The order matters:
/// services first, then owners, then everything that is found through a service.
pub fn link(env: &mut Environment) {
    variables::resolve_config_maps(&mut env.parts);
    services::build(env);
    owners::resolve(env);
    variables::collect(&mut env.parts);
    members::merge(env);
    scale::link(env);
    stores::link(env);
    topics::link(&mut env.parts, &env.root);
}
