//! What a place's value passed through before it took effect, in a line for people.

use crate::finding::Location;
use cofferdam_model::{SourceMap, Span};

/// A line for each of the locations whose value passed through anything. Where a finding has several places, each line
/// begins with its own.
pub(super) fn lines(locations: &[Location], sources: &SourceMap) -> Vec<String> {
    let place = |span: Span| {
        let path = sources.path(span.file).display();
        format!("{path}:{}", sources.position(span).line)
    };
    let mut lines = Vec::new();
    for location in locations {
        let links = sources.chains().of(location.span);
        if links.is_empty() {
            continue;
        }
        let shown: Vec<String> = links
            .iter()
            .map(|link| format!("{} ({})", place(link.span), link.layer.shown()))
            .collect();
        let shown = shown.join(", ");
        lines.push(match locations {
            [_] => shown,
            _ => format!("{}: {shown}", place(location.span)),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::SourceFile;
    use cofferdam_syntax::Layer;

    #[test]
    fn a_place_has_a_line_of_what_its_value_passed_through() {
        let mut sources = SourceMap::default();
        let base = sources.add(SourceFile::new("base/web.yaml".into(), "a: 1\nb: 2\n"));
        let prod = sources.add(SourceFile::new("prod/kustomization.yaml".into(), "a: 3\n"));
        let (first, second) = (Span::new(base, 8, 9), Span::new(prod, 3, 4));
        let at = |span| Location {
            span,
            label: String::new(),
        };
        let chains = sources.chains();
        let value = chains.over(second, first);
        let value = chains.through(value, Layer::Include, Span::new(prod, 0, 1));
        let way = "base/web.yaml:2 (overridden), prod/kustomization.yaml:1 (included)";
        assert_eq!(lines(&[at(value)], &sources), [way]);
        let several = [at(first), at(value)];
        assert_eq!(
            lines(&several, &sources),
            [format!("prod/kustomization.yaml:1: {way}")]
        );
    }
}
