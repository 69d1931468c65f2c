//! Where a place is in a list of places. A finding has a few; one about a pod with thousands of containers has thousands.

use cofferdam_model::Span;
use cofferdam_syntax::hash::HashMap;

/// A place that supports a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Where.
    pub span: Span,
    /// The meaning of the place in a few words ("at most 50 replicas"); may be empty.
    pub label: String,
}

/// As many are searched one by one.
const FEW: usize = 16;

/// The index of a long list that only grows.
#[derive(Debug, Clone, Default)]
pub struct Places(Option<Box<Index>>);

#[derive(Debug, Clone, Default)]
struct Index {
    /// How many of the list it has.
    len: usize,
    first: HashMap<Span, usize>,
}

impl Places {
    /// The first location in `all` at this place.
    pub fn find(&mut self, all: &[Location], span: Span) -> Option<usize> {
        if all.len() <= FEW {
            return all.iter().position(|l| l.span == span);
        }
        let index = self.0.get_or_insert_default();
        for (at, location) in all.iter().enumerate().skip(index.len) {
            index.first.entry(location.span).or_insert(at);
        }
        index.len = all.len();
        index.first.get(&span).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::FileId;

    #[test]
    fn a_place_is_found_in_a_short_list_and_in_a_long_one() {
        let span = |n| Span::new(FileId(0), n, n + 1);
        let (mut all, mut places) = (Vec::new(), Places::default());
        for n in 0..100 {
            assert_eq!(places.find(&all, span(n)), None);
            all.push(Location {
                span: span(n),
                label: String::new(),
            });
            assert_eq!(places.find(&all, span(n / 2)), Some(n / 2));
        }
    }
}
