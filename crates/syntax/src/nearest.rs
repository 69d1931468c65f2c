//! The nearest known name to one that does not exist, for "did you mean": one measure for the messages of all
//! crates. Case and separators do not count, because most mistakes are there.

/// The name in `known` that is nearest to `name`, if it is near enough to be a typing error: equal without
/// case and separators, or at most a third of the longer name's letters away (insertions, deletions,
/// replacements and swaps of neighbours count one each). Of equally near names the first in `known` wins;
/// `name` itself is never offered.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = Folded::new(name);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        if candidate == name {
            continue;
        }
        let offered = Folded::new(candidate);
        let mut limit = wanted.length.max(offered.length) / 3;
        if let Some((distance, _)) = best {
            // Only a nearer one is of interest.
            match distance.checked_sub(1) {
                Some(less) => limit = limit.min(less),
                None => break,
            }
        }
        // The difference in length is the minimum number of edits: most candidates end here.
        if wanted.length == 0 || wanted.length.abs_diff(offered.length) > limit {
            continue;
        }
        let distance = strsim::osa_distance(&wanted.letters, &offered.letters);
        if distance <= limit {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// A name without case and separators.
struct Folded {
    letters: String,
    /// How many letters it has.
    length: usize,
}

impl Folded {
    fn new(name: &str) -> Self {
        let letters: String = name
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        let length = letters.chars().count();
        Self { letters, length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_the_intended_name() {
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
    fn the_nearest_name_wins_and_the_first_of_equally_near_ones() {
        assert_eq!(
            nearest("topic-c", ["topic-ab", "topic-a", "topic-b"]),
            Some("topic-a")
        );
        assert_eq!(nearest("topic-a", ["topic-a", "topic-b"]), Some("topic-b"));
    }

    #[test]
    fn at_most_a_third_of_the_longer_name_may_differ() {
        // Six letters: two may differ, three may not.
        assert_eq!(nearest("abcdef", ["abcdxy"]), Some("abcdxy"));
        assert_eq!(nearest("abcdef", ["abcxyz"]), None);
    }

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        // Six letters, so two edits are allowed; without swaps `bacdfe` would be four away.
        assert_eq!(nearest("abcdef", ["bacdfe"]), Some("bacdfe"));
        assert_eq!(nearest("abcdef", ["badcfe"]), None);
        // Three letters allow one edit.
        assert_eq!(nearest("abc", ["acb"]), Some("acb"));
    }
}
