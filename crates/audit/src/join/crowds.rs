//! The environments of findings that have absorbed many others.

use crate::finding::Finding;
use cofferdam_syntax::hash::{HashMap, HashSet};

/// As many names are searched one by one.
const FEW: usize = 16;

/// The environments of findings that have many, by the finding's place in the list of all: one check of a platform
/// with thousands of environments would go through all their names for each of their findings.
#[derive(Default)]
pub(super) struct Crowds(HashMap<usize, HashSet<String>>);

impl Crowds {
    /// Whether both findings have an environment in common. The first one is at this place.
    pub(super) fn meet(&self, at: usize, a: &Finding, b: &Finding) -> bool {
        match self.0.get(&at) {
            Some(names) => b.environments.iter().any(|name| names.contains(name)),
            None => a.environments.iter().any(|name| b.environments.contains(name)),
        }
    }

    /// The finding at this place is about to absorb another one.
    pub(super) fn absorbed(&mut self, at: usize, a: &Finding, b: &Finding) {
        if let Some(names) = self.0.get_mut(&at) {
            names.extend(b.environments.iter().cloned());
        } else if a.environments.len() + b.environments.len() > FEW {
            let all = a.environments.iter().chain(&b.environments);
            self.0.insert(at, all.cloned().collect());
        }
    }
}
