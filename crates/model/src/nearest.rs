//! The nearest known name to one that does not exist, for "did you mean". Case and separators count
//! little: people miss them most.

/// The known name nearest to `name`: equal when case and separators are ignored, or at an edit distance of
/// at most a third of its length. The first of equally near ones in the order given.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(name);
    let limit = (folded.len() / 3).max(1);
    known
        .into_iter()
        .filter(|k| *k != name)
        .filter_map(|k| {
            let candidate = fold(k);
            if candidate.len().abs_diff(folded.len()) > limit {
                return None;
            }
            let distance = distance(&folded, &candidate);
            (distance <= limit && distance < folded.len()).then_some((distance, k))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

fn fold(text: &str) -> Vec<char> {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Levenshtein's distance, with one row of memory.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_a_far_one_is_not() {
        let topics = ["platform-events", "platform-dlq", "audit"];
        assert_eq!(nearest("platform-event", topics), Some("platform-events"));
        assert_eq!(nearest("Platform_Events", topics), Some("platform-events"));
        assert_eq!(nearest("orders", topics), None);
        assert_eq!(nearest("x", ["y"]), None);
    }

    #[test]
    fn distance_is_levenshteins() {
        let d = |a: &str, b: &str| distance(&fold(a), &fold(b));
        assert_eq!((d("kitten", "sitting"), d("", "abc"), d("abc", "abc")), (3, 3, 0));
    }
}
