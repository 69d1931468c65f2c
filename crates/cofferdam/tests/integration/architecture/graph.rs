//! The graph of dependencies, and its cycles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Arrows between names.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Graph(BTreeMap<String, BTreeSet<String>>);

impl<A: AsRef<str>, B: AsRef<str>> FromIterator<(A, B)> for Graph {
    fn from_iter<I: IntoIterator<Item = (A, B)>>(arrows: I) -> Self {
        let mut graph = Self::default();
        for (from, to) in arrows {
            let targets = graph.0.entry(from.as_ref().to_owned()).or_default();
            targets.insert(to.as_ref().to_owned());
        }
        graph
    }
}

impl Graph {
    /// Whether there is an edge from one to the other.
    pub(super) fn has(&self, from: &str, to: &str) -> bool {
        self.0.get(from).is_some_and(|targets| targets.contains(to))
    }

    /// The transitive closure: an edge for every path.
    pub(super) fn closure(&self) -> Self {
        Self(
            self.0
                .keys()
                .map(|from| (from.clone(), self.reached(from)))
                .collect(),
        )
    }

    /// Everything that a path of at least one edge leads to.
    fn reached(&self, from: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(name) = open.pop() {
            for target in self.0.get(name).into_iter().flatten() {
                if reached.insert(target.clone()) {
                    open.push(target);
                }
            }
        }
        reached
    }

    /// Groups of names in which each can reach every other.
    pub(super) fn circles(&self) -> BTreeSet<BTreeSet<String>> {
        let closure = self.closure();
        closure
            .0
            .iter()
            .filter(|(name, reached)| reached.contains(*name))
            .map(|(name, reached)| {
                let back = |other: &&String| closure.has(other, name);
                reached.iter().filter(back).cloned().collect()
            })
            .collect()
    }

    /// A shortest path from a name of a cycle back to itself, with both ends.
    pub(super) fn way_around(&self, circle: &BTreeSet<String>) -> Vec<String> {
        let ways = circle.iter().filter_map(|start| self.way_back(start));
        ways.min_by_key(Vec::len).unwrap_or_default()
    }

    fn way_back(&self, start: &str) -> Option<Vec<String>> {
        let mut ways = VecDeque::from([vec![start.to_owned()]]);
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            for target in self.0.get(way.last()?).into_iter().flatten() {
                let longer = [way.as_slice(), std::slice::from_ref(target)].concat();
                if target == start {
                    return Some(longer);
                }
                if seen.insert(target) {
                    ways.push_back(longer);
                }
            }
        }
        None
    }
}

#[test]
fn cycles_are_found_and_shown_by_a_shortest_path() {
    let graph: Graph = [
        ("a", "b"),
        ("b", "c"),
        ("c", "a"),
        ("c", "b"),
        ("c", "d"),
        ("d", "e"),
        ("f", "a"),
    ]
    .into_iter()
    .collect();
    let circles: Vec<BTreeSet<String>> = graph.circles().into_iter().collect();
    assert_eq!(circles.len(), 1);
    assert_eq!(circles[0].iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(graph.way_around(&circles[0]), ["b", "c", "b"]);
    let straight: Graph = [("a", "b"), ("a", "c"), ("b", "c")].into_iter().collect();
    assert!(straight.circles().is_empty());
    assert!(straight.closure() == straight && graph.closure().has("f", "e"));
}
