//! Whether two findings are about one thing or about two, by their environments, variants, clusters and places.

use crate::finding::Finding;
use cofferdam_syntax::sorted::SortedSet;

/// Whether one environment has both, in two places: then they are two objects with one name. What `a` has absorbed may
/// be at the place of `b`.
pub(super) fn are_two(a: &Finding, b: &Finding, meet: impl Fn() -> bool) -> bool {
    let place = |finding: &Finding| finding.locations.first().map(|l| l.span);
    let in_two_places = matches!((place(a), place(b)), (Some(one), Some(other)) if one != other);
    in_two_places
        && !are_variants(a, b)
        && !are_on_other_clusters(a, b)
        && meet()
        && place(b).is_none_or(|other| !a.also_at.contains(&other))
}

/// Whether two findings are of variants that are never installed together.
pub(super) fn are_variants(a: &Finding, b: &Finding) -> bool {
    are_disjoint(&a.variants, &b.variants)
}

/// Whether two findings are of different clusters.
pub(super) fn are_on_other_clusters(a: &Finding, b: &Finding) -> bool {
    are_disjoint(&a.clusters, &b.clusters)
}

/// Whether both are known and have nothing in common.
pub(super) fn are_disjoint(a: &SortedSet<Option<String>>, b: &SortedSet<Option<String>>) -> bool {
    is_known(a) && is_known(b) && a.is_disjoint(b)
}

pub(super) fn is_known(names: &SortedSet<Option<String>>) -> bool {
    !names.is_empty() && !names.contains(&None)
}
