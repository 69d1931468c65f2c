//! The one syntax tree for every structured format: YAML, JSON, evaluated HCL. Each node keeps the place
//! where it was written, through aliases, merges and patches, so that a value can be traced back to its line
//! however it was built.

use crate::source::{ChainId, Chains, Layer, Link, Span, Spanned};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// The text of a scalar or a key. Most are short and need no memory of their own; copies of a tree share the others,
/// since two hundred overlays of one base copy all of it.
pub type Text = smol_str::SmolStr;

/// Maps of more keys than this have an index of them while they are made.
pub(crate) const INDEXED: usize = 32;

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its place.
    pub span: Span,
    /// The value.
    pub value: Value,
}

/// The content of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: `null`, `~` or an empty place.
    Null,
    /// Text, number or boolean; the text as written is kept (`1.20` stays `1.20`).
    Scalar(Scalar),
    /// A list.
    Seq(Vec<Node>),
    /// A map, in the order written.
    Map(Map),
    /// A value that cannot be known from the files: an unresolved Terraform expression, a Helm template. The
    /// text describes what would be needed.
    Unknown(Arc<str>),
}

/// A scalar as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text after escapes.
    pub text: Text,
    /// Its notation; a quoted `"5"` is text, a plain `5` a number.
    pub style: Style,
}

/// The notation of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In single or double quotes.
    Quoted,
    /// As a `|` block, whose lines are unchanged in the file.
    Literal,
    /// As a `>` block.
    Folded,
}

/// A key with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub text: Text,
    /// Its place.
    pub span: Span,
}

impl Key {
    /// A key, for maps that readers derive.
    pub fn new(text: &str, span: Span) -> Key {
        Key {
            text: text.into(),
            span,
        }
    }
}

/// A map in the order written. Keys are unique: the last of two equal ones is kept, as in all common YAML
/// readers, and the reader reports the duplicate.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map {
    entries: Vec<(Key, Node)>,
}

impl Map {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|(k, _)| &*k.text == key).map(|(_, v)| v)
    }

    /// The value of `key`, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries
            .iter_mut()
            .find(|(k, _)| &*k.text == key)
            .map(|(_, v)| v)
    }

    /// The key and the value of `key`.
    pub fn entry(&self, key: &str) -> Option<(&Key, &Node)> {
        self.entries
            .iter()
            .find(|(k, _)| &*k.text == key)
            .map(|(k, v)| (k, v))
    }

    /// Sets `key`, in its old place if it existed. Returns the old entry.
    pub fn insert(&mut self, key: Key, value: Node) -> Option<(Key, Node)> {
        match self.entries.iter_mut().find(|(k, _)| k.text == key.text) {
            Some(slot) => Some(std::mem::replace(slot, (key, value))),
            None => {
                self.entries.push((key, value));
                None
            }
        }
    }

    /// A map of entries whose keys are known to be unique: a search among thousands for each of them costs their square.
    pub(crate) fn of_unique(entries: Vec<(Key, Node)>) -> Map {
        Map { entries }
    }

    /// Removes `key`.
    pub fn remove(&mut self, key: &str) -> Option<(Key, Node)> {
        let index = self.entries.iter().position(|(k, _)| &*k.text == key)?;
        Some(self.entries.remove(index))
    }

    /// Keys and values in the order written.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Node)> {
        self.entries.iter().map(|(k, v)| (k, v))
    }

    /// Keys and values, to change the values.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Key, &mut Node)> {
        self.entries.iter_mut().map(|(k, v)| (&*k, v))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl FromIterator<(Key, Node)> for Map {
    fn from_iter<I: IntoIterator<Item = (Key, Node)>>(iter: I) -> Self {
        let mut map = Map::default();
        // A search among thousands of keys for each of them costs their square.
        let mut places: HashMap<Text, usize> = HashMap::new();
        for (key, node) in iter {
            if map.len() < INDEXED {
                map.insert(key, node);
                continue;
            }
            if places.is_empty() {
                let keys = map.entries.iter().enumerate();
                places.extend(keys.map(|(at, (key, _))| (key.text.clone(), at)));
            }
            match places.entry(key.text.clone()) {
                Entry::Occupied(known) => {
                    if let Some(slot) = map.entries.get_mut(*known.get()) {
                        *slot = (key, node);
                    }
                }
                Entry::Vacant(free) => {
                    free.insert(map.entries.len());
                    map.entries.push((key, node));
                }
            }
        }
        map
    }
}

impl IntoIterator for Map {
    type Item = (Key, Node);
    type IntoIter = std::vec::IntoIter<(Key, Node)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

/// Folds a key for comparison: case and `_`, `-`, `.`, space do not count.
pub fn fold(key: &str) -> String {
    if key.is_ascii() {
        let mut folded = String::with_capacity(key.len());
        let kept = key
            .bytes()
            .filter(|b| !matches!(b, b'_' | b'-' | b'.' | b' ' | b'/'));
        folded.extend(kept.map(|b| b.to_ascii_lowercase() as char));
        return folded;
    }
    key.chars()
        .filter(|c| !matches!(c, '_' | '-' | '.' | ' ' | '/'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether `key` folds to `folded` (which is already folded); allocates nothing.
#[inline]
pub fn folds_to(key: &str, folded: &str) -> bool {
    // Tables of words are searched with this: nearly every word differs in its first letter.
    if let (Some(first), Some(wanted)) = (key.bytes().next(), folded.bytes().next())
        && first.is_ascii_alphanumeric()
        && first.to_ascii_lowercase() != wanted
    {
        return false;
    }
    folds_to_the_rest(key, folded)
}

fn folds_to_the_rest(key: &str, folded: &str) -> bool {
    if key.is_ascii() {
        // Folding only removes letters, so a shorter key is different.
        let counts = |b: &u8| !matches!(b, b'_' | b'-' | b'.' | b' ' | b'/');
        return key.len() >= folded.len()
            && key
                .bytes()
                .filter(counts)
                .map(|b| b.to_ascii_lowercase())
                .eq(folded.bytes());
    }
    key.chars()
        .filter(|c| !matches!(c, '_' | '-' | '.' | ' ' | '/'))
        .flat_map(char::to_lowercase)
        .eq(folded.chars())
}

impl Node {
    /// Whether two trees differ at most in their places. A value that is not known equals no other.
    pub fn says_the_same(&self, other: &Node) -> bool {
        match (&self.value, &other.value) {
            (Value::Map(a), Value::Map(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b.iter())
                        .all(|((ka, va), (kb, vb))| ka.text == kb.text && va.says_the_same(vb))
            }
            (Value::Seq(a), Value::Seq(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.says_the_same(b))
            }
            (Value::Scalar(a), Value::Scalar(b)) => a.text == b.text,
            (Value::Null, Value::Null) => true,
            _ => false,
        }
    }

    /// A text node, for values that readers derive.
    pub fn text(text: &str, span: Span) -> Node {
        Node {
            span,
            value: Value::Scalar(Scalar {
                text: text.into(),
                style: Style::Quoted,
            }),
        }
    }

    /// A map, for values that readers derive.
    pub fn map(map: Map, span: Span) -> Node {
        Node {
            span,
            value: Value::Map(map),
        }
    }

    /// A plain scalar node (number or boolean as text); for values that readers derive.
    pub fn plain(text: &str, span: Span) -> Node {
        Node {
            span,
            value: Value::Scalar(Scalar {
                text: text.into(),
                style: Style::Plain,
            }),
        }
    }

    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The map, to change it.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Seq(items) => items,
            _ => &[],
        }
    }

    /// The entries of a map; none for anything else.
    pub fn entries(&self) -> impl Iterator<Item = (&Key, &Node)> {
        self.as_map().into_iter().flat_map(Map::iter)
    }

    /// The value of `key` in a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key)
    }

    /// The value at a path of keys separated by `/`: `spec/template/spec`.
    pub fn at(&self, path: &str) -> Option<&Node> {
        path.split('/').try_fold(self, |node, key| node.get(key))
    }

    /// The value of the first key that folds to `folded` (see [`fold`]).
    pub fn like(&self, folded: &str) -> Option<&Node> {
        self.like_entry(folded).map(|(_, v)| v)
    }

    /// Key and value of the first key that folds to `folded`.
    pub fn like_entry(&self, folded: &str) -> Option<(&Key, &Node)> {
        self.as_map()?.iter().find(|(k, _)| folds_to(&k.text, folded))
    }

    /// The value of the first of several folded aliases, in the order of the aliases.
    pub fn like_any(&self, folded: &[&str]) -> Option<(&Key, &Node)> {
        folded.iter().find_map(|alias| self.like_entry(alias))
    }

    /// The scalar's text, in any notation.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// The scalar as a boolean; YAML 1.1's words count, as Kubernetes reads them. Quoted `"true"` counts too.
    pub fn as_bool(&self) -> Option<bool> {
        match self.as_str()?.trim() {
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
            _ => None,
        }
    }

    /// The scalar as a whole number (quoted or not; `1_000` counts).
    pub fn as_i64(&self) -> Option<i64> {
        let text = self.as_str()?.trim();
        text.parse().ok().or_else(|| {
            let plain = text.replace('_', "");
            plain.parse().ok().or_else(|| {
                let float: f64 = plain.parse().ok()?;
                (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
            })
        })
    }

    /// The scalar as a non-negative whole number.
    pub fn as_u32(&self) -> Option<u32> {
        u32::try_from(self.as_i64()?).ok()
    }

    /// The scalar as a finite number.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_str()?
            .trim()
            .replace('_', "")
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite())
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The scalar's text with its place.
    pub fn text_at(&self) -> Option<Spanned<String>> {
        Some(Spanned::new(self.as_str()?.to_owned(), self.span))
    }

    /// The scalar as a boolean with its place.
    pub fn bool_at(&self) -> Option<Spanned<bool>> {
        Some(Spanned::new(self.as_bool()?, self.span))
    }

    /// The named items of "a map or a list of named items": for a map its keys and values, for a list
    /// of maps the item's `name` (or `id`, `key`) and the item. The name's span is the key's or the name's.
    pub fn named_items(&self) -> Vec<(&str, Span, &Node)> {
        match &self.value {
            Value::Map(map) => map.iter().map(|(k, v)| (&*k.text, k.span, v)).collect(),
            Value::Seq(items) => items
                .iter()
                .filter_map(|item| {
                    let (_, name) = item.like_any(&["name", "id", "key"])?;
                    Some((name.as_str()?, name.span, item))
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

impl Chains {
    /// A tree after all of it passed through `at`.
    #[must_use]
    pub fn tree_through(&self, mut node: Node, layer: Layer, at: Span) -> Node {
        self.mark(&mut node, &[Link { layer, span: at }]);
        node
    }

    /// A tree that overrides the value at `other` as a whole.
    #[must_use]
    pub fn tree_over(&self, mut node: Node, other: Span) -> Node {
        if node.span != other {
            self.mark(&mut node, &self.replaced(other));
        }
        node
    }

    /// Adds links to the chain of everything in a tree, in place.
    pub fn mark(&self, node: &mut Node, links: &[Link]) {
        self.mark_all(std::iter::once(node), links);
    }

    /// The same for several trees.
    pub fn mark_all<'n>(&self, nodes: impl Iterator<Item = &'n mut Node>, links: &[Link]) {
        if links.is_empty() {
            return;
        }
        let mut mark = Mark {
            chains: self,
            links,
            last: None,
        };
        nodes.for_each(|node| mark.node(node));
    }
}

/// Adds links to every span of a tree. Neighbours nearly always have the same chain, so the table is asked once.
struct Mark<'a> {
    chains: &'a Chains,
    links: &'a [Link],
    last: Option<(ChainId, ChainId)>,
}

impl Mark<'_> {
    fn span(&mut self, span: &mut Span) {
        let before = span.chain;
        match self.last {
            Some((known, after)) if known == before => span.chain = after,
            _ => {
                *span = self.chains.extended(*span, self.links);
                self.last = Some((before, span.chain));
            }
        }
    }

    fn node(&mut self, node: &mut Node) {
        self.span(&mut node.span);
        match &mut node.value {
            Value::Seq(items) => items.iter_mut().for_each(|item| self.node(item)),
            Value::Map(map) => {
                for (key, value) in &mut map.entries {
                    self.span(&mut key.span);
                    self.node(value);
                }
            }
            Value::Null | Value::Scalar(_) | Value::Unknown(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;

    #[test]
    fn a_map_keeps_the_last_of_equal_keys_in_the_place_of_the_first() {
        let span = Span::new(FileId(0), 0, 0);
        for count in [3, 31, 32, 33, 100] {
            let entry = |n: usize, value: &str| {
                let text = format!("k{n}").into();
                (Key { text, span }, Node::text(value, span))
            };
            let first = (0..count).map(|n| entry(n, "first"));
            let again = (0..count).step_by(3).map(|n| entry(n, "last"));
            let map: Map = first.chain(again).collect();
            assert_eq!(map.len(), count);
            for (n, (key, value)) in map.iter().enumerate() {
                assert_eq!(*key.text, format!("k{n}"));
                let wanted = if n % 3 == 0 { "last" } else { "first" };
                assert_eq!(value.as_str(), Some(wanted), "k{n} of {count}");
            }
        }
    }

    #[test]
    fn a_map_of_many_keys_is_made_in_a_moment() {
        let span = Span::new(FileId(0), 0, 0);
        let entries = (0..200_000).map(|n| {
            let text = format!("{n}").into();
            (Key { text, span }, Node::text("", span))
        });
        assert_eq!(entries.collect::<Map>().len(), 200_000);
    }
}
