//! Lists of which those of one project are found without a look at the others: thousands of repositories may lie side by
//! side, and each asks for its own.

use super::{Deployment, Opening, ProjectId};
use cofferdam_syntax::hash::HashMap;
use std::ops::Deref;

/// What belongs to one project.
pub trait OfProject {
    /// The project.
    fn project(&self) -> ProjectId;
}

impl OfProject for Deployment {
    fn project(&self) -> ProjectId {
        self.project
    }
}

impl OfProject for Opening {
    fn project(&self) -> ProjectId {
        self.project
    }
}

/// A list in its own order, with the places of those of each project.
#[derive(Debug, Clone)]
pub struct ByProject<T> {
    all: Vec<T>,
    places: HashMap<ProjectId, Vec<usize>>,
}

impl<T: OfProject> ByProject<T> {
    /// Those of a project with their places in the whole list, in its order.
    pub fn of(&self, project: ProjectId) -> impl Iterator<Item = (usize, &T)> {
        let places = self.places.get(&project).map_or(&[][..], Vec::as_slice);
        places.iter().map(|at| (*at, &self.all[*at]))
    }

    /// Adds one at the end.
    pub fn push(&mut self, one: T) {
        self.places.entry(one.project()).or_default().push(self.all.len());
        self.all.push(one);
    }
}

impl<T> Default for ByProject<T> {
    fn default() -> Self {
        ByProject {
            all: Vec::new(),
            places: HashMap::default(),
        }
    }
}

impl<T: OfProject> FromIterator<T> for ByProject<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        let mut list = ByProject::default();
        all.into_iter().for_each(|one| list.push(one));
        list
    }
}

impl<T: OfProject> From<Vec<T>> for ByProject<T> {
    fn from(all: Vec<T>) -> Self {
        all.into_iter().collect()
    }
}

impl<T> Deref for ByProject<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.all
    }
}

impl<T> IntoIterator for ByProject<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.into_iter()
    }
}

impl<'l, T> IntoIterator for &'l ByProject<T> {
    type Item = &'l T;
    type IntoIter = std::slice::Iter<'l, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}
