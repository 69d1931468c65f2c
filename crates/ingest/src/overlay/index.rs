//! The names of an environment's things of one kind: a statement would go through all of them.

use cofferdam_model::link::bare_name;
use cofferdam_syntax::hash::HashMap;

/// The places of things in their list, by name.
pub(super) struct Index {
    environment: String,
    len: usize,
    exact: HashMap<String, usize>,
    /// By the name regardless of case, separators and the environment's words; `None` if several have it.
    bare: HashMap<String, Option<usize>>,
}

impl Index {
    /// The index of a list of things with these names.
    pub(super) fn of<'a>(environment: &str, names: impl Iterator<Item = &'a str>) -> Index {
        let mut index = Index {
            environment: environment.to_owned(),
            len: 0,
            exact: HashMap::default(),
            bare: HashMap::default(),
        };
        for name in names {
            index.add(name);
        }
        index
    }

    /// Adds the name of the thing at the end of the list, and returns its place.
    pub(super) fn add(&mut self, name: &str) -> usize {
        let at = self.len;
        self.len += 1;
        self.exact.entry(name.to_owned()).or_insert(at);
        self.bare
            .entry(bare_name(&self.environment, name))
            .and_modify(|known| *known = None)
            .or_insert(Some(at));
        at
    }

    /// The place of the thing with this name: exactly, otherwise regardless of case, separators and the
    /// environment's words if only one matches.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let exact = self.exact.get(name).copied();
        exact.or_else(|| *self.bare.get(&bare_name(&self.environment, name))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_exactly_or_if_only_one_is_like_it() {
        let mut index = Index::of("production", ["orders-db-prod", "Orders_DB", "cart"].into_iter());
        assert_eq!(index.find("Orders_DB"), Some(1));
        assert_eq!(index.find("orders-db"), None, "two are like it");
        assert_eq!(index.find("prod-cart"), Some(2));
        assert_eq!(index.find("stock"), None);
        assert_eq!(index.add("stock"), 3);
        assert_eq!(index.find("STOCK"), Some(3));
    }
}
