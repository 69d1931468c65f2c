//! Maps and sets in sorted lists. A platform has several for each object and each finding, nearly all of one to five
//! entries, and a tree keeps room for eleven. To add one costs the number of those after it.

use std::borrow::Borrow;
use std::ops::Index;

/// Values by key, in the order of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortedMap<K, V>(Vec<(K, V)>);

/// Values in order, each once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SortedSet<T>(Vec<T>);

impl<K, V> SortedMap<K, V> {
    /// An empty map.
    pub const fn new() -> Self {
        SortedMap(Vec::new())
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(known, _)| known.borrow().cmp(key))
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let at = self.place(key).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Whether there is a value of this key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_ok()
    }

    /// Adds a value, or replaces the one of its key, which it returns.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Adds a value unless there is one of its key.
    pub fn insert_if_new(&mut self, key: K, value: V) {
        if let Err(at) = self.place(&key) {
            self.0.insert(at, (key, value));
        }
    }

    /// Removes the value of a key, and returns it.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = self.place(key).ok()?;
        Some(self.0.remove(at).1)
    }
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        SortedMap::new()
    }
}

impl<K: Ord, V> Extend<(K, V)> for SortedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        self.0.extend(entries);
        // Stable, so that the last of one key comes last; it is the one that counts.
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.0.dedup_by(|later, kept| {
            let is_same = later.0 == kept.0;
            if is_same {
                std::mem::swap(later, kept);
            }
            is_same
        });
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut all = SortedMap::new();
        all.extend(entries);
        all.0.shrink_to_fit();
        all
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for SortedMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'m, K, V> IntoIterator for &'m SortedMap<K, V> {
    type Item = (&'m K, &'m V);
    type IntoIter = std::iter::Map<std::slice::Iter<'m, (K, V)>, fn(&'m (K, V)) -> (&'m K, &'m V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl<K: Ord + Borrow<Q>, V, Q: Ord + ?Sized> Index<&Q> for SortedMap<K, V> {
    type Output = V;

    /// # Panics
    /// If there is no value of this key.
    fn index(&self, key: &Q) -> &V {
        match self.get(key) {
            Some(value) => value,
            None => panic!("no entry of this key"),
        }
    }
}

impl<T: Ord> SortedSet<T> {
    /// The set of one value.
    pub fn one(value: T) -> Self {
        SortedSet(vec![value])
    }

    /// Adds a value.
    pub fn insert(&mut self, value: T) {
        if let Err(at) = self.0.binary_search(&value) {
            self.0.insert(at, value);
        }
    }

    /// Adds the values of another set.
    pub fn append(&mut self, other: SortedSet<T>) {
        // Most are the same one.
        if self.0 != other.0 {
            other.0.into_iter().for_each(|value| self.insert(value));
        }
    }

    /// Whether it has this value.
    pub fn contains(&self, value: &T) -> bool {
        self.0.binary_search(value).is_ok()
    }

    /// Whether all its values are in another set.
    pub fn is_subset(&self, other: &SortedSet<T>) -> bool {
        self.0.iter().all(|value| other.contains(value))
    }

    /// Whether the two have no value in common.
    pub fn is_disjoint(&self, other: &SortedSet<T>) -> bool {
        !self.0.iter().any(|value| other.contains(value))
    }

    /// Whether it has no value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Default for SortedSet<T> {
    fn default() -> Self {
        SortedSet(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn a_map_is_the_map_that_a_tree_is(
            all in proptest::collection::vec((0u8..12, 0u8..4, 0u8..99), 0..40),
        ) {
            let (mut map, mut tree) = (SortedMap::new(), BTreeMap::new());
            for (key, step, value) in &all {
                match step {
                    0 => prop_assert_eq!(map.remove(key), tree.remove(key)),
                    1 => {
                        map.insert_if_new(*key, *value);
                        tree.entry(*key).or_insert(*value);
                    }
                    _ => prop_assert_eq!(map.insert(*key, *value), tree.insert(*key, *value)),
                }
                prop_assert_eq!(map.contains_key(key), tree.contains_key(key));
            }
            prop_assert!(map.iter().eq(tree.iter()) && (&map).into_iter().eq(&tree));
            prop_assert!(map.keys().eq(tree.keys()) && map.values().eq(tree.values()));
            prop_assert!((0..12).all(|key| map.get(&key) == tree.get(&key)));
            prop_assert_eq!((map.len(), map.is_empty()), (tree.len(), tree.is_empty()));
            let entries = || all.iter().map(|(key, _, value)| (*key, *value));
            map.extend(entries());
            tree.extend(entries());
            prop_assert!(map.into_iter().eq(tree));
            let collected: SortedMap<u8, u8> = entries().collect();
            prop_assert!(collected.into_iter().eq(entries().collect::<BTreeMap<_, _>>()));
        }

        #[test]
        fn a_set_is_the_set_that_a_tree_is(
            a in proptest::collection::vec(0u8..12, 0..12),
            b in proptest::collection::vec(0u8..12, 0..12),
        ) {
            let set = |all: &[u8]| {
                let mut set = SortedSet::default();
                all.iter().for_each(|value| set.insert(*value));
                set
            };
            let mut tree: BTreeSet<u8> = a.iter().copied().collect();
            let other: BTreeSet<u8> = b.iter().copied().collect();
            let (mut list, second) = (set(&a), set(&b));
            prop_assert!(list.0.iter().eq(tree.iter()));
            prop_assert_eq!(list.is_empty(), tree.is_empty());
            prop_assert_eq!(list.is_subset(&second), tree.is_subset(&other));
            prop_assert_eq!(list.is_disjoint(&second), tree.is_disjoint(&other));
            prop_assert!((0..12).all(|value| list.contains(&value) == tree.contains(&value)));
            list.append(second);
            tree.extend(other);
            prop_assert!(list.0.iter().eq(tree.iter()));
        }
    }
}
