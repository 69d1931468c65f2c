//! A map of paths. A platform asks for files by their path several times for each file, and a `BTreeMap` compares a
//! dozen long paths for each question, part by part. This map finds a path by its hash, and keeps the paths in order.

use hashbrown::DefaultHashBuilder;
use indexmap::IndexMap;
use std::ops::Index;
use std::path::{Path, PathBuf};

/// Values by path, in the order of the paths (part by part, as [`Path`] compares).
#[derive(Debug, Clone)]
pub struct PathMap<V>(IndexMap<PathBuf, V, DefaultHashBuilder>);

impl<V> PathMap<V> {
    /// The value at a path.
    pub fn get(&self, path: &Path) -> Option<&V> {
        self.0.get(path)
    }

    /// Whether there is a value at a path.
    pub fn contains_key(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }

    /// The path as it is kept, and its value.
    pub fn get_key_value(&self, path: &Path) -> Option<(&PathBuf, &V)> {
        self.0.get_key_value(path)
    }

    /// Paths and values in order.
    pub fn iter(&self) -> indexmap::map::Iter<'_, PathBuf, V> {
        self.0.iter()
    }

    /// Paths in order.
    pub fn keys(&self) -> indexmap::map::Keys<'_, PathBuf, V> {
        self.0.keys()
    }

    /// Values in the order of their paths.
    pub fn values(&self) -> indexmap::map::Values<'_, PathBuf, V> {
        self.0.values()
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no path.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The path itself and the paths below it, in order.
    pub fn below<'m>(&'m self, directory: &'m Path) -> impl Iterator<Item = (&'m PathBuf, &'m V)> {
        let first = self.0.partition_point(|path, _| path.as_path() < directory);
        let from = self.0.as_slice().get_range(first..);
        from.into_iter()
            .flatten()
            .take_while(move |(path, _)| path.starts_with(directory))
    }

    /// Adds a value, or replaces the one at its path. Costs the number of paths after it: use `extend` for many.
    pub fn insert(&mut self, path: PathBuf, value: V) {
        self.0.insert_sorted(path, value);
    }

    /// Removes the value at a path. Costs the number of paths: use [`PathMap::retain`] for many.
    pub fn remove(&mut self, path: &Path) -> Option<V> {
        self.0.shift_remove(path)
    }

    /// Removes all values that are not to be kept.
    pub fn retain(&mut self, mut keep: impl FnMut(&Path) -> bool) {
        self.0.retain(|path, _| keep(path));
    }
}

impl<V> Default for PathMap<V> {
    fn default() -> Self {
        PathMap(IndexMap::default())
    }
}

impl<V> Extend<(PathBuf, V)> for PathMap<V> {
    fn extend<T: IntoIterator<Item = (PathBuf, V)>>(&mut self, values: T) {
        let known = self.0.len().saturating_sub(1);
        self.0.extend(values);
        let added = self.0.as_slice().get_range(known..);
        if added.is_some_and(|added| !added.keys().is_sorted()) {
            self.0.sort_keys();
        }
    }
}

impl<V> FromIterator<(PathBuf, V)> for PathMap<V> {
    fn from_iter<T: IntoIterator<Item = (PathBuf, V)>>(values: T) -> Self {
        let mut map = PathMap::default();
        map.extend(values);
        map
    }
}

impl<'m, V> IntoIterator for &'m PathMap<V> {
    type Item = (&'m PathBuf, &'m V);
    type IntoIter = indexmap::map::Iter<'m, PathBuf, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<V> Index<&Path> for PathMap<V> {
    type Output = V;

    fn index(&self, path: &Path) -> &V {
        &self.0[path]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn paths() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[ab][/-]?[ab]?(/[ab.-]{1,2}){0,2}", 0..30)
    }

    proptest! {
        #[test]
        fn it_holds_what_a_sorted_map_holds(first in paths(), second in paths(), removed in paths(), asked in paths()) {
            let numbered = |paths: &[String]| -> Vec<(PathBuf, usize)> {
                paths.iter().enumerate().map(|(at, path)| (PathBuf::from(path), at)).collect()
            };
            let mut map: PathMap<usize> = numbered(&first).into_iter().collect();
            let mut wanted: BTreeMap<PathBuf, usize> = numbered(&first).into_iter().collect();
            for (path, value) in numbered(&second) {
                map.insert(path.clone(), value);
                wanted.insert(path, value);
            }
            for path in &removed {
                prop_assert_eq!(map.remove(Path::new(path)), wanted.remove(Path::new(path)));
            }
            map.retain(|path| !path.ends_with("b"));
            wanted.retain(|path, _| !path.ends_with("b"));
            map.extend(numbered(&removed));
            wanted.extend(numbered(&removed));
            prop_assert!(map.iter().eq(wanted.iter()));
            for path in asked.iter().map(Path::new) {
                prop_assert_eq!(map.get(path), wanted.get(path));
                prop_assert_eq!(map.contains_key(path), wanted.contains_key(path));
                let below = wanted.iter().filter(|(other, _)| other.starts_with(path));
                prop_assert!(map.below(path).eq(below));
            }
        }
    }
}
