//! The places that a value passed through before it took effect, in one line for people.

use crate::finding::{Finding, Location};
use cofferdam_model::{SourceMap, Span};

/// One line for each path of a value to one of the finding's places. If a finding has several places, they
/// come before the paths.
pub(super) fn lines(finding: &Finding, sources: &SourceMap) -> Vec<String> {
    // Each environment and each subject of the finding may have a separate path; the places are those of the
    // first.
    let is_one_of_several = finding.environments.len() > 1 || finding.subjects.len() > 1;
    let example = if is_one_of_several { "for example " } else { "" };
    let has_several_places = finding.locations.len() > 1;
    ways(&finding.locations, sources)
        .into_iter()
        .map(|(way, places)| match has_several_places {
            true => format!("{} came {example}through {way}", joined(&places)),
            false => format!("{example}{way}"),
        })
        .collect()
}

/// Places in words: `a.yaml:12 and :13` for two lines of one file.
fn joined(places: &[String]) -> String {
    let mut file = "";
    let mut shown = Vec::new();
    for place in places {
        let (path, line) = place.rsplit_once(':').unwrap_or((place, ""));
        shown.push(match path == file {
            true => format!(":{line}"),
            false => place.clone(),
        });
        file = path;
    }
    match shown.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => shown.concat(),
    }
}

/// The paths of the locations' values, each with its places.
fn ways(locations: &[Location], sources: &SourceMap) -> Vec<(String, Vec<String>)> {
    let place = |span: Span| {
        let path = sources.path(span.file).display();
        format!("{path}:{}", sources.position(span).line)
    };
    let mut ways: Vec<(String, Vec<String>)> = Vec::new();
    for location in locations {
        let links = sources.chains().of(location.span);
        if links.is_empty() {
            continue;
        }
        let shown = links
            .iter()
            .map(|link| format!("{} ({})", place(link.span), link.layer.shown()));
        let way = shown.collect::<Vec<_>>().join(", ");
        let from = place(location.span);
        match ways.iter_mut().find(|(known, _)| *known == way) {
            Some((_, places)) if places.contains(&from) => {}
            Some((_, places)) => places.push(from),
            None => ways.push((way, vec![from])),
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::SourceFile;
    use cofferdam_syntax::Layer;

    const WAY: &str = "base/web.yaml:2 (overridden), prod/kustomization.yaml:1 (included)";

    /// A value of a kustomization that overrides one of its base, and the base's.
    fn values() -> (SourceMap, Span, Span) {
        let mut sources = SourceMap::default();
        let base = sources.add(SourceFile::new("base/web.yaml".into(), "a: 1\nb: 2\n"));
        let prod = sources.add(SourceFile::new("prod/kustomization.yaml".into(), "a: 3\n"));
        let (first, second) = (Span::new(base, 8, 9), Span::new(prod, 3, 4));
        let value = sources.chains().over(second, first);
        let at = Span::new(prod, 0, 1);
        let value = sources.chains().through(value, Layer::Include, at);
        (sources, value, first)
    }

    #[test]
    fn a_place_has_a_line_of_what_its_value_passed_through() {
        let (sources, value, base) = values();
        let finding = Finding::new("x", "y").at(value, "");
        assert_eq!(lines(&finding, &sources), [WAY]);
        // A place whose value passed through nothing has no line, and the other lines name their places.
        let finding = finding.at(base, "");
        let place = "prod/kustomization.yaml:1";
        assert_eq!(lines(&finding, &sources), [format!("{place} came through {WAY}")]);
    }

    #[test]
    fn places_with_the_same_chain_share_a_line() {
        let (sources, value, _) = values();
        let other = Span::new(value.file, 0, 1);
        let other = sources.chains().extended(other, &sources.chains().of(value));
        let finding = Finding::new("x", "y").at(value, "").at(other, "");
        assert_eq!(
            lines(&finding, &sources),
            [format!("prod/kustomization.yaml:1 came through {WAY}")]
        );
    }

    #[test]
    fn the_file_of_several_lines_is_named_once() {
        let places = |all: &[&str]| joined(&all.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
        assert_eq!(places(&["a.yaml:12"]), "a.yaml:12");
        assert_eq!(places(&["a.yaml:12", "a.yaml:13"]), "a.yaml:12 and :13");
        assert_eq!(
            places(&["a.yaml:12", "b.yaml:3", "b.yaml:9"]),
            "a.yaml:12, b.yaml:3 and :9"
        );
    }

    #[test]
    fn a_chain_that_differs_between_environments_is_shown_as_an_example() {
        let (sources, value, _) = values();
        let mut finding = Finding::new("x", "y").at(value, "");
        finding.environments = vec!["production".to_owned(), "staging".to_owned()];
        assert_eq!(lines(&finding, &sources), [format!("for example {WAY}")]);
    }
}
