//! Which of two facts about the same thing counts.

use crate::source::{Fact, Source};

/// What a person states counts most, then what was seen, then what a file declares, then what was
/// read by interpretation, then assumptions.
pub(super) fn rank(source: &Source) -> u8 {
    match source {
        Source::Stated(_) => 4,
        Source::Observed { .. } => 3,
        Source::Declared(_) => 2,
        Source::Inferred { .. } => 1,
        Source::Assumed { .. } => 0,
    }
}

/// Takes `other` where nothing is known, or where its source counts more.
pub(super) fn prefer<T>(into: &mut Option<Fact<T>>, other: Option<Fact<T>>) {
    if let Some(other) = other
        && into
            .as_ref()
            .is_none_or(|fact| rank(&fact.source) < rank(&other.source))
    {
        *into = Some(other);
    }
}

/// Takes `other` only where nothing is known.
pub(super) fn fill<T>(into: &mut Option<Fact<T>>, other: Option<Fact<T>>) {
    if into.is_none() {
        *into = other;
    }
}
