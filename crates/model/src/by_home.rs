//! Things that share a name, by where they are. A name such as `api` can be in hundreds of namespaces: to compare each
//! of them with each other would cost the square of their number.

use crate::scope::{DeploymentId, Home, Meeting};
use cofferdam_syntax::hash::HashMap;
use std::sync::Arc;

/// More things than this have an index: most names are in one or two namespaces, for which it would cost more than it
/// saves.
const INDEXED: usize = 8;

/// A list of things with the places where they are.
#[derive(Debug, Clone)]
pub struct ByHome<T> {
    all: Vec<Placed<T>>,
    /// Positions in `all`, in ascending order, by namespace.
    positions: HashMap<Option<Arc<str>>, Vec<usize>>,
}

#[derive(Debug, Clone)]
struct Placed<T> {
    namespace: Option<Arc<str>>,
    deployment: Option<DeploymentId>,
    thing: T,
}

impl<T> Placed<T> {
    fn home(&self) -> Home<'_> {
        Home {
            namespace: self.namespace.as_deref(),
            deployment: self.deployment,
        }
    }
}

impl<T> Default for ByHome<T> {
    fn default() -> Self {
        ByHome {
            all: Vec::new(),
            positions: HashMap::default(),
        }
    }
}

impl<T> ByHome<T> {
    /// Adds a thing that is in `home`.
    pub fn push(&mut self, home: Home<'_>, thing: T) {
        self.all.push(Placed {
            namespace: home.namespace.map(Arc::from),
            deployment: home.deployment,
            thing,
        });
        let last = self.all.len() - 1;
        match last {
            ..INDEXED => {}
            INDEXED => (0..=last).for_each(|at| self.index(at)),
            _ => self.index(last),
        }
    }

    fn index(&mut self, at: usize) {
        let namespace = self.all[at].namespace.clone();
        self.positions.entry(namespace).or_default().push(at);
    }

    /// All things, in the order in which they were added.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.all.iter().map(|placed| &placed.thing)
    }

    /// Things whose namespace does not contradict `namespace` (it is the same, or one of the two is unknown), in the
    /// order in which they were added.
    pub fn near(&self, namespace: Option<&str>) -> impl Iterator<Item = &T> {
        self.placed(namespace).map(|placed| &placed.thing)
    }

    /// Things that may be related by name to one in `home` ([`Home::is_related`]), in the order in which they were
    /// added.
    pub fn related(&self, home: Home<'_>) -> impl Iterator<Item = &T> {
        let near = self.placed(home.namespace);
        near.filter(move |placed| placed.home().is_related(home))
            .map(|placed| &placed.thing)
    }

    /// Of things with one name, the one that is meant from `home`: that of its namespace or deployment, else the first that
    /// may be related.
    pub fn meant(&self, home: Home<'_>) -> Option<&T> {
        let mut near = self.placed(home.namespace);
        let same = near.find(|placed| placed.home().meets(home) == Meeting::Same);
        same.map(|placed| &placed.thing)
            .or_else(|| self.related(home).next())
    }

    fn placed(&self, namespace: Option<&str>) -> impl Iterator<Item = &Placed<T>> {
        let indexed = namespace.filter(|_| !self.positions.is_empty());
        let every = if indexed.is_some() { 0 } else { self.all.len() };
        let plain = self.all[..every].iter().filter(move |placed| {
            let own = placed.namespace.as_deref();
            own.is_none() || namespace.is_none() || own == namespace
        });
        let positions = |key: Option<Arc<str>>| self.positions.get(&key).map_or(&[][..], Vec::as_slice);
        let (same, unknown) = match indexed {
            Some(namespace) => (positions(Some(Arc::from(namespace))), positions(None)),
            None => (&[][..], &[][..]),
        };
        plain.chain(in_order(same, unknown).map(|at| &self.all[at]))
    }
}

/// The numbers of two ascending lists, in ascending order.
fn in_order<'a>(a: &'a [usize], b: &'a [usize]) -> impl Iterator<Item = usize> + use<'a> {
    let (mut a, mut b) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some(x), Some(y)) if y < x => b.next(),
        (Some(_), _) => a.next(),
        (None, _) => b.next(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_index_finds_what_a_search_through_all_things_finds(
            added in prop::collection::vec((prop::option::of(0u8..4), prop::option::of(0u32..3)), 0..40),
            asked in (prop::option::of(0u8..5), prop::option::of(0u32..3)),
        ) {
            let name = |n: Option<u8>| n.map(|n| format!("ns-{n}"));
            let places: Vec<(Option<String>, Option<DeploymentId>)> =
                added.iter().map(|(n, d)| (name(*n), d.map(DeploymentId))).collect();
            let home = |(namespace, deployment): &(Option<String>, Option<DeploymentId>)| Home {
                namespace: namespace.clone().map(|n| &*n.leak()),
                deployment: *deployment,
            };
            let mut list = ByHome::default();
            for (at, place) in places.iter().enumerate() {
                list.push(home(place), at);
            }
            let asked = home(&(name(asked.0), asked.1.map(DeploymentId)));
            let expected: Vec<usize> =
                (0..places.len()).filter(|at| home(&places[*at]).is_related(asked)).collect();
            let found: Vec<usize> = list.related(asked).copied().collect();
            prop_assert_eq!(found, expected);
            let near: Vec<usize> = list.near(asked.namespace).copied().collect();
            let expected: Vec<usize> = (0..places.len())
                .filter(|at| {
                    let own = home(&places[*at]).namespace;
                    own.is_none() || asked.namespace.is_none() || own == asked.namespace
                })
                .collect();
            prop_assert_eq!(near, expected);
            prop_assert_eq!(list.iter().count(), places.len());
        }
    }
}
