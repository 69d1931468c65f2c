//! Which of two facts about the same thing has precedence.

use crate::source::{Fact, Source};

/// A declaration of a person has the highest precedence, then an observation, then a file's declaration, then
/// an interpretation, then an assumption.
pub(super) fn rank(source: &Source) -> u8 {
    match source {
        Source::Stated(_) => 4,
        Source::Observed { .. } => 3,
        Source::Declared(_) => 2,
        Source::Inferred { .. } => 1,
        Source::Assumed { .. } => 0,
    }
}

/// Takes `other` if nothing is known, or if its source has higher precedence.
pub(super) fn prefer<T>(into: &mut Option<Fact<T>>, other: Option<Fact<T>>) {
    if let Some(other) = other
        && into
            .as_ref()
            .is_none_or(|fact| rank(&fact.source) < rank(&other.source))
    {
        *into = Some(other);
    }
}

/// Takes `other` only if nothing is known.
pub(super) fn fill<T>(into: &mut Option<Fact<T>>, other: Option<Fact<T>>) {
    if into.is_none() {
        *into = other;
    }
}
