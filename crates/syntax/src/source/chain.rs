//! The path of a value through layers. A span is the place where a value is written; the layers that it
//! passed through before it took effect (an alias, an overlay, a template, a variable) are its chain. Most
//! values have none, so a span contains only a number, and the chains are in one table beside the sources.
//!
//! One convention applies to all layers. The span is the place of the value that takes effect. The links are
//! the places that it passed through until then, the first place first. A value that overrides another has a
//! link [`Layer::Override`] with the place of the other; the values that the other had overridden come before
//! it. So if two files override a default, the chain of the last value is: first the default, then the first
//! file.

use super::Span;
use crate::hash::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Links beyond which a chain does not grow: no real one comes close to it, and a loop must end.
const MAX_LINKS: usize = 64;

/// Values that one value is known to override.
const MAX_OVERRIDDEN: usize = 8;

/// The number of a span's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ChainId(u32);

impl ChainId {
    /// The chain of a value that passed through nothing.
    pub const NONE: ChainId = ChainId(0);

    /// Whether the value passed through nothing.
    pub fn is_none(self) -> bool {
        self == ChainId::NONE
    }
}

/// How a value passed through a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// An alias refers to the value.
    Alias,
    /// A merge key includes the value.
    Merge,
    /// Another document includes the one that contains the value: an overlay its base, a chart its
    /// dependency.
    Include,
    /// The value replaced the one written there: a patch over a base, a setting over a default.
    Override,
    /// An expression passes the value on: a template's, a reference to a variable.
    Reference,
    /// The text there changes the value: a prefix is added to a name.
    Change,
    /// The value is passed to a parameter: by a call, a module's argument.
    Argument,
    /// The value is in the text of another value: a file inside a document.
    Content,
}

/// One place that a value passed through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Link {
    /// In what way.
    pub layer: Layer,
    /// Where.
    pub span: Span,
}

impl Layer {
    /// The effect of the place, in a few words for people.
    pub fn shown(self) -> &'static str {
        match self {
            Layer::Alias => "used by an alias",
            Layer::Merge => "merged in",
            Layer::Include => "included",
            Layer::Override => "overridden",
            Layer::Reference => "referenced",
            Layer::Change => "changed",
            Layer::Argument => "passed as an argument",
            Layer::Content => "inside this text",
        }
    }
}

/// All chains. A clone shares the same table.
#[derive(Debug, Clone, Default)]
pub struct Chains(Arc<RwLock<Table>>);

#[derive(Debug, Default)]
struct Table {
    /// Each link with the chain before it. Equal chains have one number.
    links: Vec<(Link, ChainId)>,
    known: HashMap<(Link, ChainId), ChainId>,
}

impl Table {
    fn get(&self, id: ChainId) -> Option<&(Link, ChainId)> {
        self.links.get((id.0 as usize).checked_sub(1)?)
    }

    fn length(&self, mut id: ChainId) -> usize {
        let mut length = 0;
        while let Some((_, before)) = self.get(id) {
            length += 1;
            id = *before;
        }
        length
    }
}

impl Chains {
    /// The span of a value after it passed through `at`.
    #[must_use]
    pub fn through(&self, span: Span, layer: Layer, at: Span) -> Span {
        Span {
            chain: self.longer(span.chain, Link { layer, span: at }),
            ..span
        }
    }

    /// The span of a value after it passed through all of these places, in this order.
    #[must_use]
    pub fn extended(&self, span: Span, links: &[Link]) -> Span {
        let longer = |chain, link: &Link| self.longer(chain, *link);
        Span {
            chain: links.iter().fold(span.chain, longer),
            ..span
        }
    }

    /// The span of a value that overrides the one at `other`.
    #[must_use]
    pub fn over(&self, span: Span, other: Span) -> Span {
        // One value in two notations overrides nothing.
        if span == other {
            return span;
        }
        self.extended(span, &self.replaced(other))
    }

    /// The links of a value that overrides the one at `other`: everything that `other` had overridden, then
    /// `other` itself. Of very many, the first and the last remain: hundreds of patches of one value would each keep
    /// all before it.
    pub fn replaced(&self, other: Span) -> Vec<Link> {
        let mut links = self.of(other);
        links.retain(|link| link.layer == Layer::Override);
        links.push(Link {
            layer: Layer::Override,
            span: other,
        });
        if links.len() > MAX_OVERRIDDEN {
            links.drain(1..=links.len() - MAX_OVERRIDDEN);
        }
        links
    }

    /// The links of the contents of the text at `text`, followed by those of the text itself. If a whole file
    /// is the text, it is the place where its values are written, and not a place that they passed through.
    pub fn inside(&self, text: Span, is_file: bool) -> Vec<Link> {
        let content = Link {
            layer: Layer::Content,
            span: text,
        };
        let outer = self.of(text);
        (!is_file).then_some(content).into_iter().chain(outer).collect()
    }

    pub(crate) fn longer(&self, chain: ChainId, link: Link) -> ChainId {
        let link = Link {
            span: Span {
                chain: ChainId::NONE,
                ..link.span
            },
            ..link
        };
        {
            let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(id) = table.known.get(&(link, chain)) {
                return *id;
            }
        }
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = table.known.get(&(link, chain)) {
            return *id;
        }
        let next = u32::try_from(table.links.len() + 1).ok();
        match next {
            Some(next) if table.length(chain) < MAX_LINKS => {
                table.links.push((link, chain));
                table.known.insert((link, chain), ChainId(next));
                ChainId(next)
            }
            _ => chain,
        }
    }

    /// The places that the value at a span passed through, the first place first.
    pub fn of(&self, span: Span) -> Vec<Link> {
        if span.chain.is_none() {
            return Vec::new();
        }
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut links = Vec::new();
        let mut id = span.chain;
        while let Some((link, before)) = table.get(id) {
            links.push(*link);
            id = *before;
        }
        links.reverse();
        links
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;
    use crate::tree::{Key, Node};
    use crate::yaml;

    fn at(start: usize) -> Span {
        Span::new(FileId(0), start, start + 1)
    }

    fn layers(chains: &Chains, span: Span) -> Vec<(Layer, u32)> {
        chains.of(span).iter().map(|l| (l.layer, l.span.start)).collect()
    }

    #[test]
    fn a_value_keeps_every_place_in_order() {
        let chains = Chains::default();
        let value = at(10);
        assert!(value.chain.is_none() && chains.of(value).is_empty());
        let through = chains.through(value, Layer::Reference, at(20));
        let through = chains.through(through, Layer::Argument, at(30));
        let through = chains.through(through, Layer::Include, at(40));
        assert_eq!(
            layers(&chains, through),
            [
                (Layer::Reference, 20),
                (Layer::Argument, 30),
                (Layer::Include, 40)
            ]
        );
        // The place is still where the value is written, and equal for callers that only need the place.
        assert_eq!((through, through.start), (value, 10));
    }

    #[test]
    fn equal_chains_are_stored_once_and_a_clone_is_the_same_table() {
        let chains = Chains::default();
        let other = chains.clone();
        let a = chains.through(at(1), Layer::Include, at(5));
        let b = other.through(at(2), Layer::Include, at(5));
        assert_eq!(a.chain, b.chain);
        assert_ne!(chains.through(at(1), Layer::Override, at(5)).chain, a.chain);
        // The origin of the layer itself is not part of the link.
        assert_eq!(
            chains
                .through(at(3), Layer::Include, chains.through(at(5), Layer::Alias, at(9)))
                .chain,
            a.chain
        );
    }

    #[test]
    fn an_overriding_value_keeps_all_values_it_replaced() {
        let chains = Chains::default();
        let default = chains.through(at(10), Layer::Include, at(11));
        let first = chains.over(at(20), default);
        let first = chains.through(first, Layer::Include, at(21));
        let second = chains.over(chains.through(at(30), Layer::Include, at(31)), first);
        // The chain of the overridden values is not needed.
        assert_eq!(
            layers(&chains, second),
            [(Layer::Include, 31), (Layer::Override, 10), (Layer::Override, 20)]
        );
        assert!(chains.over(at(5), at(5)).chain.is_none());
    }

    #[test]
    fn of_hundreds_of_overridden_values_the_first_and_the_last_remain() {
        let chains = Chains::default();
        let last = (2..400).fold(at(1), |before, n| chains.over(at(n), before));
        let places: Vec<u32> = layers(&chains, last).iter().map(|(_, place)| *place).collect();
        assert_eq!(places, [1, 392, 393, 394, 395, 396, 397, 398]);
    }

    #[test]
    fn a_value_inside_a_text_has_the_text_and_its_chain() {
        let chains = Chains::default();
        let text = chains.through(at(10), Layer::Include, at(20));
        let inner = chains.extended(at(11), &chains.inside(text, false));
        assert_eq!(
            layers(&chains, inner),
            [(Layer::Content, 10), (Layer::Include, 20)]
        );
        let inner = chains.extended(at(11), &chains.inside(text, true));
        assert_eq!(layers(&chains, inner), [(Layer::Include, 20)]);
    }

    #[test]
    fn a_cycle_of_layers_ends() {
        let chains = Chains::default();
        let mut span = at(1);
        for round in 0..1000 {
            span = chains.through(span, Layer::Include, at(round % 3));
        }
        assert_eq!(chains.of(span).len(), MAX_LINKS);
    }

    #[test]
    fn a_tree_passes_through_as_a_whole() {
        let chains = Chains::default();
        let tree = yaml::parse("a: [1, {b: 2}]\n", FileId(0), 0).documents.remove(0);
        let inner = tree.get("a").unwrap().items()[1].get("b").unwrap().span;
        let tree = chains.tree_through(tree, Layer::Include, at(100));
        let tree = chains.tree_through(tree, Layer::Content, at(200));
        let (key, list) = tree.as_map().unwrap().entry("a").unwrap();
        let value = list.items()[1].get("b").unwrap();
        for span in [tree.span, key.span, list.span, value.span] {
            assert_eq!(
                layers(&chains, span),
                [(Layer::Include, 100), (Layer::Content, 200)]
            );
        }
        assert_eq!(value.span, inner);
    }

    #[test]
    fn a_chain_needs_no_memory_in_the_tree() {
        assert_eq!(
            (size_of::<Span>(), size_of::<Key>(), size_of::<Node>()),
            (16, 40, 48)
        );
    }
}
