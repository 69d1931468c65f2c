//! Where files declare the things that the overlay may declare too. A statement for all environments describes
//! a thing in those that have it; only what no file declares is declared by the statement itself.

use super::sections::Named;
use cofferdam_model::Environment;
use cofferdam_model::link::bare_name;
use cofferdam_syntax::hash::{HashMap, HashSet};

/// The databases, topics, cells and objectives that files declare, each with its environment.
#[derive(Debug, Default)]
pub struct Placed {
    pub(super) databases: Names,
    pub(super) topics: Names,
    pub(super) cells: Names,
    pub(super) slos: Names,
}

/// Names of one kind.
#[derive(Debug, Default)]
pub(super) struct Names {
    exact: HashSet<String>,
    /// The significant parts of the names in each environment.
    bare: HashMap<String, HashSet<String>>,
}

impl Placed {
    /// What the files of these environments declare. Call it before any statement is applied.
    pub fn of<'a>(environments: impl IntoIterator<Item = &'a Environment>) -> Placed {
        let mut placed = Placed::default();
        for env in environments {
            placed
                .databases
                .add(env, env.databases.iter().map(|d| d.name.as_str()));
            placed
                .topics
                .add(env, env.topics.iter().map(|t| t.name.value.as_str()));
            placed
                .cells
                .add(env, env.cells.iter().map(|c| c.name.value.as_str()));
            placed.slos.add(env, env.slos.iter().map(|s| s.name.as_str()));
        }
        placed
    }
}

impl Names {
    fn add<'a>(&mut self, env: &Environment, names: impl Iterator<Item = &'a str>) {
        let mut names = names.peekable();
        if names.peek().is_none() {
            return;
        }
        let bare = self.bare.entry(env.name.clone()).or_default();
        for name in names {
            self.exact.insert(name.to_owned());
            bare.insert(bare_name(&env.name, name));
        }
    }

    /// Whether a statement declares the thing in an environment that does not have it: the environment's own
    /// section does, and one for all only if no file declares the thing anywhere.
    pub(super) fn declares(&self, said: &Named) -> bool {
        let has_it = |(env, bare): (&String, &HashSet<String>)| bare.contains(&bare_name(env, &said.name));
        said.is_own || !(self.exact.contains(&said.name) || self.bare.iter().any(has_it))
    }
}
