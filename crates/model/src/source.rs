//! Where values come from. A finding is only as good as the line that it points at, so every value that a
//! rule computes with carries its source: a place in a file, a statement in the overlay, or an assumption
//! that the report must name. A value keeps its source through all merges.

use cofferdam_syntax::sorted::SortedMap;
use cofferdam_syntax::{Span, Spanned};
use std::fmt;
use std::sync::Arc;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A configuration file declares it.
    Declared(Span),
    /// Read from a file by an interpretation that a person might dispute: a literal in code, a link made by
    /// name. Findings that depend on it are `likely`.
    Inferred {
        /// The place.
        span: Span,
        /// What was inferred, as a clause: "the class is the only consumer in its directory".
        why: Arc<str>,
    },
    /// A person declared it in `cofferdam.yaml`.
    Stated(Span),
    /// Nobody declared it: a default with a source. The report names it.
    Assumed {
        /// The assumption as a sentence, with its source: "max_connections is 100, PostgreSQL's default".
        why: Arc<str>,
    },
    /// Observed on a live system.
    Observed {
        /// From where, and when.
        what: Arc<str>,
    },
}

/// A value and its source.
#[derive(Clone, PartialEq, Eq)]
pub struct Fact<T> {
    /// The value.
    pub value: T,
    /// Its source.
    pub source: Source,
}

/// Texts by key: labels, annotations, entries of a ConfigMap.
pub type Texts = SortedMap<String, Fact<String>>;

impl<T> Fact<T> {
    /// A value that a file declares at `span`.
    pub fn declared(value: T, span: Span) -> Self {
        Fact {
            value,
            source: Source::Declared(span),
        }
    }

    /// A value that the overlay states at `span`.
    pub fn stated(value: T, span: Span) -> Self {
        Fact {
            value,
            source: Source::Stated(span),
        }
    }

    /// A value read from a file by interpretation.
    pub fn inferred(value: T, span: Span, why: impl Into<Arc<str>>) -> Self {
        Fact {
            value,
            source: Source::Inferred {
                span,
                why: why.into(),
            },
        }
    }

    /// A default; `why` is the sentence that the report prints under "assumes".
    pub fn assumed(value: T, why: impl Into<Arc<str>>) -> Self {
        Fact {
            value,
            source: Source::Assumed { why: why.into() },
        }
    }

    /// The same source with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Fact<U> {
        Fact {
            value: f(self.value),
            source: self.source,
        }
    }

    /// The same source with a reference to the value.
    pub fn as_ref(&self) -> Fact<&T> {
        Fact {
            value: &self.value,
            source: self.source.clone(),
        }
    }

    /// Place in a file, if it has one.
    pub fn span(&self) -> Option<Span> {
        match self.source {
            Source::Declared(span) | Source::Stated(span) | Source::Inferred { span, .. } => Some(span),
            Source::Assumed { .. } | Source::Observed { .. } => None,
        }
    }

    /// Whether nobody declared it.
    pub fn is_assumed(&self) -> bool {
        matches!(self.source, Source::Assumed { .. })
    }
}

impl<T: fmt::Debug> fmt::Debug for Fact<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tag = match &self.source {
            Source::Declared(_) => "declared",
            Source::Inferred { .. } => "inferred",
            Source::Stated(_) => "stated",
            Source::Assumed { .. } => "assumed",
            Source::Observed { .. } => "observed",
        };
        write!(f, "{:?} ({tag})", self.value)
    }
}

impl<T> From<Spanned<T>> for Fact<T> {
    fn from(spanned: Spanned<T>) -> Self {
        Fact::declared(spanned.value, spanned.span)
    }
}
