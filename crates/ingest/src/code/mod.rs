//! Converts the facts of modules into the platform's parts. A literal in code is an interpretation that a
//! person may dispute, so its facts are [`Source::Inferred`](cofferdam_model::Source::Inferred); a variable that a manifest sets has the
//! manifest's certainty. The owner of a part is the directory of the module.

mod dotted;
mod found;
mod http;
mod imports;
mod kafka;
mod local;
mod places;
mod project;
mod reading;
mod resolved;
mod sections;
mod stores;

use crate::compose::build::Shared;
use cofferdam_model::Environment;
use cofferdam_model::link::Owners;
use found::Parts;
pub use project::Project;
use reading::Reading;
use std::borrow::Cow;
use std::path::Path;

impl<'m> Project<'m> {
    /// Fills `env` with the parts in code that are for this environment according to `holds`. `owners` comes
    /// from [`cofferdam_model::link::prepare`] of the same environment: it shows whose variables a module
    /// reads.
    pub fn interpret(&self, env: &mut Environment, owners: &Owners, holds: &dyn Fn(&Path) -> bool) {
        let mut parts = Parts::default();
        let mut sections = Vec::new();
        let shared = Shared::of(&env.workloads);
        for module in self.services().filter(|m| holds(&m.path)) {
            let built = shared.owners(&module.path);
            for owner in built.unwrap_or_else(|| self.owners(module, owners)) {
                let service = owners.find(&owner).map(|id| env.service(id));
                let mut reading = Reading {
                    project: self,
                    module,
                    calls: Cow::Borrowed(&module.calls),
                    variables: service.map(|s| &s.variables),
                    env,
                    owner,
                };
                reading.spread();
                kafka::read(&reading, &mut parts);
                stores::read(&reading, &mut parts);
                http::read(&reading, &mut parts);
                local::read(&reading, &mut parts);
                let tree = module.tree(&|variable| reading.variable_node(variable));
                sections.push((reading.owner, tree, module));
            }
        }
        kafka::commits_of_other_modules(self, &mut parts);
        for (owner, count) in parts.processes {
            if let Some(id) = owners.find(&owner) {
                let slot = &mut env.services[id.0].processes;
                if slot.is_none() {
                    *slot = Some(count);
                }
            }
        }
        env.consumers
            .extend(parts.consumers.into_iter().map(|c| c.consumer));
        env.producers.extend(parts.producers);
        env.pools.extend(parts.pools);
        env.calls.extend(parts.calls);
        env.breakers.extend(parts.breakers);
        env.deadlines.extend(parts.deadlines);
        env.local_caches.extend(parts.local_caches);
        env.variable_uses.extend(parts.variable_uses);
        for (owner, tree, module) in sections {
            sections::apply(&owner, &tree, module, env);
        }
    }
}

#[cfg(test)]
mod tests;
