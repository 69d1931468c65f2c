//! The known name that a mistyped one was likely meant to be.

/// The candidate nearest to `wanted` by edits (insert, remove, replace, swap of neighbours count one
/// each), if it is near enough to be a likely slip: at most a third of the longer name. Of equally near
/// ones, the first in order. Case does not count; `wanted` itself is no candidate.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted_folded: Vec<char> = wanted.chars().flat_map(char::to_lowercase).collect();
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in candidates {
        if candidate == wanted {
            continue;
        }
        let folded: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
        let limit = wanted_folded.len().max(folded.len()) / 3;
        // The difference in length is the least number of edits: most candidates end here.
        if wanted_folded.len().abs_diff(folded.len()) > limit {
            continue;
        }
        let distance = edits(&wanted_folded, &folded);
        let better = best.is_none_or(|(d, name)| distance < d || (distance == d && candidate < name));
        if distance <= limit && better {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, name)| name)
}

/// Edits from `a` to `b` (optimal string alignment).
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let mut cost = (last[j] + usize::from(from != to))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_a_stranger_is_not() {
        let names = ["payments-api", "orders-api", "ledger"];
        assert_eq!(nearest("payment-api", names), Some("payments-api"));
        assert_eq!(nearest("orders-ap", names), Some("orders-api"));
        assert_eq!(nearest("Ledger", names), Some("ledger"));
        assert_eq!(nearest("cache", names), None);
        assert_eq!(nearest("ledger", ["ledger"]), None);
        assert_eq!(nearest("", names), None);
    }

    #[test]
    fn edits_are_counted_as_by_hand() {
        let count = |a: &str, b: &str| edits(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!(count("kitten", "sitting"), 3);
        assert_eq!(count("ab", "ba"), 1);
        assert_eq!(count("", "abc"), 3);
        assert_eq!(count("same", "same"), 0);
    }
}
