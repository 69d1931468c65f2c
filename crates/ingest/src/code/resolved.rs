//! A value that is known, with where it is from.

use cofferdam_code::python::value::{PyValue, Val};
use cofferdam_model::{Fact, Source, Span};

/// A value that is known in this environment, with its source.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub(super) value: Val,
    pub(super) source: Source,
}

impl Resolved {
    pub(super) fn fact<T>(self, read: impl FnOnce(&Val) -> Option<T>) -> Option<Fact<T>> {
        Some(Fact {
            value: read(&self.value)?,
            source: self.source,
        })
    }
}

pub(super) fn inferred(value: Val, why: &str) -> Resolved {
    Resolved {
        source: Source::Inferred {
            span: value.span,
            why: why.into(),
        },
        value,
    }
}

/// A non-negative whole number.
pub(super) fn whole(value: &Val) -> Option<u32> {
    u32::try_from(value.as_i64()?).ok()
}

/// Text that is not empty.
pub(super) fn text(value: &Val) -> Option<String> {
    value.as_str().filter(|t| !t.is_empty()).map(str::to_owned)
}

/// Topics: one text, a list of texts, or a text with commas.
pub(super) fn texts(known: &Resolved) -> Vec<Fact<String>> {
    let fact = |text: &str, span: Span| Fact {
        value: text.to_owned(),
        source: match &known.source {
            Source::Inferred { why, .. } => Source::Inferred {
                span,
                why: why.clone(),
            },
            other => other.clone(),
        },
    };
    match &known.value.value {
        PyValue::Str(text) => text
            .split(',')
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(|t| fact(t, known.value.span))
            .collect(),
        PyValue::List(items) => items
            .iter()
            .filter_map(|i| Some(fact(i.as_str()?, i.span)))
            .collect(),
        _ => Vec::new(),
    }
}

/// The name to which a thing is assigned, without the part before the last dot.
pub(super) fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
