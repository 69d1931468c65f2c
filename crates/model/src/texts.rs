//! Labels, annotations and other texts by key. A platform has several such maps for each object, most of one to three
//! entries: they are kept in a sorted list, since a tree keeps room for eleven.

use crate::source::Fact;
use std::ops::Index;

/// Texts with their places, by key and in the order of the keys.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Texts(Vec<(String, Fact<String>)>);

impl Texts {
    /// No text.
    pub const fn new() -> Texts {
        Texts(Vec::new())
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(key))
    }

    /// The text of a key.
    pub fn get(&self, key: &str) -> Option<&Fact<String>> {
        let at = self.place(key).ok()?;
        self.0.get(at).map(|(_, text)| text)
    }

    /// Whether there is a text of this key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_ok()
    }

    /// Adds a text, or replaces the one of its key, which it returns.
    pub fn insert(&mut self, key: String, text: Fact<String>) -> Option<Fact<String>> {
        match self.place(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, text)),
            Err(at) => {
                self.0.insert(at, (key, text));
                None
            }
        }
    }

    /// Adds a text unless there is one of its key.
    pub fn insert_if_new(&mut self, key: &str, text: Fact<String>) {
        if let Err(at) = self.place(key) {
            self.0.insert(at, (key.to_owned(), text));
        }
    }

    /// Removes the text of a key, and returns it.
    pub fn remove(&mut self, key: &str) -> Option<Fact<String>> {
        let at = self.place(key).ok()?;
        Some(self.0.remove(at).1)
    }

    /// Keys and texts in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&String, &Fact<String>)> {
        self.0.iter().map(|(key, text)| (key, text))
    }

    /// Keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Texts in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &Fact<String>> {
        self.0.iter().map(|(_, text)| text)
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Extend<(String, Fact<String>)> for Texts {
    fn extend<I: IntoIterator<Item = (String, Fact<String>)>>(&mut self, texts: I) {
        self.0.extend(texts);
        // Stable, so that the last of one key comes last.
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

impl FromIterator<(String, Fact<String>)> for Texts {
    fn from_iter<I: IntoIterator<Item = (String, Fact<String>)>>(texts: I) -> Texts {
        let mut all = Texts::new();
        all.extend(texts);
        all.0.shrink_to_fit();
        all
    }
}

impl<const N: usize> From<[(String, Fact<String>); N]> for Texts {
    fn from(texts: [(String, Fact<String>); N]) -> Texts {
        texts.into_iter().collect()
    }
}

impl IntoIterator for Texts {
    type Item = (String, Fact<String>);
    type IntoIter = std::vec::IntoIter<(String, Fact<String>)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'t> IntoIterator for &'t Texts {
    type Item = (&'t String, &'t Fact<String>);
    type IntoIter = std::iter::Map<
        std::slice::Iter<'t, (String, Fact<String>)>,
        fn(&'t (String, Fact<String>)) -> (&'t String, &'t Fact<String>),
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, text)| (key, text))
    }
}

impl Index<&str> for Texts {
    type Output = Fact<String>;

    /// # Panics
    /// If there is no text of this key.
    fn index(&self, key: &str) -> &Fact<String> {
        match self.get(key) {
            Some(text) => text,
            None => panic!("no key `{key}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn they_are_the_map_that_a_tree_is() {
        // Every sequence of four steps: which key, and whether it is added, replaced or removed.
        for steps in 0..6usize.pow(4) {
            let (mut texts, mut tree) = (Texts::new(), BTreeMap::new());
            let mut all = Vec::new();
            for step in 0..4u32 {
                let digit = steps / 6usize.pow(step) % 6;
                let (key, text) = (["b", "a", "c"][digit % 3], Fact::assumed(step.to_string(), ""));
                if digit < 3 {
                    all.push((key.to_owned(), text.clone()));
                    assert_eq!(
                        texts.insert(key.to_owned(), text.clone()),
                        tree.insert(key.to_owned(), text)
                    );
                } else {
                    all.retain(|(known, _)| known != key);
                    assert_eq!(texts.remove(key), tree.remove(key));
                }
            }
            assert!(texts.iter().eq(tree.iter()) && (&texts).into_iter().eq(&tree));
            assert!(["a", "b", "c"].iter().all(|key| texts.get(key) == tree.get(*key)));
            assert_eq!((texts.len(), texts.is_empty()), (tree.len(), tree.is_empty()));
            assert_eq!(
                all.into_iter().collect::<Texts>(),
                texts,
                "the last of one key counts"
            );
        }
    }
}
