//! Sets of nearly always one value, in a list: a tree keeps room for eleven.

/// Values in order, each once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Few<T>(Vec<T>);

impl<T: Ord> Few<T> {
    /// The set of one value.
    pub fn one(value: T) -> Few<T> {
        Few(vec![value])
    }

    /// Adds a value.
    pub fn insert(&mut self, value: T) {
        if let Err(at) = self.0.binary_search(&value) {
            self.0.insert(at, value);
        }
    }

    /// Adds the values of another set.
    pub fn append(&mut self, other: Few<T>) {
        // Most are the same one.
        if self.0 != other.0 {
            other.0.into_iter().for_each(|value| self.insert(value));
        }
    }

    /// Whether it has this value.
    pub fn contains(&self, value: &T) -> bool {
        self.0.binary_search(value).is_ok()
    }

    /// Whether the two have no value in common.
    pub fn is_disjoint(&self, other: &Few<T>) -> bool {
        self.0.iter().all(|value| !other.contains(value))
    }

    /// Whether it has no value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

impl<T> Default for Few<T> {
    fn default() -> Few<T> {
        Few(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_the_set_that_a_tree_is(
            a in proptest::collection::vec(0u8..12, 0..12),
            b in proptest::collection::vec(0u8..12, 0..12),
        ) {
            let few = |all: &[u8]| {
                let mut few = Few::default();
                all.iter().for_each(|value| few.insert(*value));
                few
            };
            let mut tree: BTreeSet<u8> = a.iter().copied().collect();
            let other: BTreeSet<u8> = b.iter().copied().collect();
            let (mut list, second) = (few(&a), few(&b));
            prop_assert!(list.iter().eq(tree.iter()));
            prop_assert_eq!(list.is_disjoint(&second), tree.is_disjoint(&other));
            prop_assert!((0..12).all(|value| list.contains(&value) == tree.contains(&value)));
            list.append(second);
            tree.extend(other);
            prop_assert!(list.iter().eq(tree.iter()));
        }
    }
}
