//! Findings of separate places that repeat what the platform has: an example that is built from the platform's files.

use super::{Said, said_of_any};
use crate::finding::Finding;
use cofferdam_model::Span;
use cofferdam_syntax::hash::HashSet;

/// Drops findings of separate places that the platform has too, on the same line. All are of one rule.
pub(crate) fn drop(all: &mut Vec<Finding>) {
    if all.iter().all(|finding| finding.apart.is_none()) {
        return;
    }
    let mut known: HashSet<(Span, Said)> = HashSet::default();
    for finding in all.iter().filter(|finding| finding.apart.is_none()) {
        let own = finding.locations.first().map(|l| l.span);
        let places = own.into_iter().chain(finding.also_at.iter().copied());
        known.extend(places.map(|place| (place, said_of_any(finding))));
    }
    all.retain(|finding| {
        let place = finding.locations.first().filter(|_| finding.apart.is_some());
        place.is_none_or(|place| !known.contains(&(place.span, said_of_any(finding))))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::{Apart, FileId};

    #[test]
    fn an_example_that_repeats_a_line_of_the_platform_is_no_second_finding() {
        let of = |subject: &str, at: usize, apart: Option<Apart>| {
            let mut finding = Finding::new(subject, format!("{subject}: no requests"))
                .at(Span::new(FileId(0), at, at + 1), "the workload");
            finding.apart = apart;
            finding
        };
        let mut all = vec![
            of("Deployment shop/web", 1, None),
            of("Deployment demo/web", 1, Some(Apart::Examples)),
            of("Deployment demo/web", 9, Some(Apart::Examples)),
            of("Deployment shop/web", 1, None),
        ];
        drop(&mut all);
        let left: Vec<(u32, bool)> = (all.iter())
            .map(|f| (f.locations[0].span.start, f.apart.is_some()))
            .collect();
        assert_eq!(left, [(1, false), (9, true), (1, false)]);
    }
}
