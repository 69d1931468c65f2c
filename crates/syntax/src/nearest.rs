//! The nearest known name to one that does not exist, for "did you mean": one measure for every
//! message of every crate. Case and separators count nothing: people miss them most.

/// The name in `known` that is nearest to `name`, when it is near enough to be a slip: equal without
/// case and separators, or at most a third of the longer name's letters away (insertions, deletions,
/// replacements and swaps of neighbours count one each). Of equally near names the first in `known`
/// wins; `name` itself is never offered.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut rows = Rows::default();
    let (mut wanted, mut letters) = (Vec::new(), Vec::new());
    fold(name, &mut wanted);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        if candidate == name {
            continue;
        }
        fold(candidate, &mut letters);
        let mut limit = wanted.len().max(letters.len()) / 3;
        if let Some((distance, _)) = best {
            // Only a nearer one is of interest.
            match distance.checked_sub(1) {
                Some(less) => limit = limit.min(less),
                None => break,
            }
        }
        // The difference in length is the least number of edits: most candidates end here.
        if wanted.is_empty() || wanted.len().abs_diff(letters.len()) > limit {
            continue;
        }
        if let Some(distance) = rows.distance(&wanted, &letters, limit) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn fold(text: &str, into: &mut Vec<char>) {
    into.clear();
    into.extend(
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase),
    );
}

/// Memory for the rows of the table of distances, kept from candidate to candidate.
#[derive(Default)]
struct Rows {
    before: Vec<usize>,
    last: Vec<usize>,
    row: Vec<usize>,
}

impl Rows {
    /// Edits from `a` to `b` (optimal string alignment), or `None` once they must exceed `limit`.
    fn distance(&mut self, a: &[char], b: &[char], limit: usize) -> Option<usize> {
        self.before.clear();
        self.last.clear();
        self.last.extend(0..=b.len());
        for (i, from) in a.iter().enumerate() {
            self.row.clear();
            self.row.push(i + 1);
            let mut least = i + 1;
            for (j, to) in b.iter().enumerate() {
                let mut cost = (self.last[j] + usize::from(from != to))
                    .min(self.last[j + 1] + 1)
                    .min(self.row[j] + 1);
                if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                    cost = cost.min(self.before[j - 1] + 1);
                }
                least = least.min(cost);
                self.row.push(cost);
            }
            // A swap reaches back two rows, so one row above the limit is not yet the end.
            if least > limit + 1 {
                return None;
            }
            std::mem::swap(&mut self.before, &mut self.last);
            std::mem::swap(&mut self.last, &mut self.row);
        }
        self.last.last().copied().filter(|d| *d <= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_the_name_that_was_meant() {
        let known = ["platform-events", "platform-events-dlq", "audit", "payments-api"];
        for (written, meant) in [
            ("platform-event", Some("platform-events")),
            ("plattform-events", Some("platform-events")),
            ("Platform_Events", Some("platform-events")),
            ("Audit", Some("audit")),
            ("payment-api", Some("payments-api")),
            // 4 of 5 letters differ from `audit`: more than a third.
            ("aaaaa", None),
            ("orders", None),
            ("audit", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
        assert_eq!(nearest("x", ["y"]), None);
    }

    #[test]
    fn the_nearest_wins_and_the_first_of_equals() {
        assert_eq!(
            nearest("topic-c", ["topic-ab", "topic-a", "topic-b"]),
            Some("topic-a")
        );
        assert_eq!(nearest("topic-a", ["topic-a", "topic-b"]), Some("topic-b"));
    }

    #[test]
    fn the_cut_off_is_a_third_of_the_longer_name() {
        // Six letters: two may differ, three may not.
        assert_eq!(nearest("abcdef", ["abcdxy"]), Some("abcdxy"));
        assert_eq!(nearest("abcdef", ["abcxyz"]), None);
    }

    #[test]
    fn edits_are_counted_as_by_hand() {
        let count = |a: &str, b: &str, limit| {
            let letters = |t: &str| t.chars().collect::<Vec<_>>();
            Rows::default().distance(&letters(a), &letters(b), limit)
        };
        assert_eq!(count("kitten", "sitting", 9), Some(3));
        assert_eq!(count("kitten", "sitting", 2), None);
        assert_eq!(count("ab", "ba", 1), Some(1));
        assert_eq!(count("abcd", "badc", 2), Some(2));
        assert_eq!(count("", "abc", 3), Some(3));
        assert_eq!(count("same", "same", 0), Some(0));
    }
}
