//! Splats (`[*]`, `.*`) that follow one another. The parser goes one level deeper for each, and thousands would take more
//! stack than a thread has.

/// No real expression has more.
pub(super) const MOST: usize = 200;

/// The place of the first splat of a chain that is too many.
pub(super) fn too_many(text: &str) -> Option<usize> {
    // What may stand between two splats of one chain: attributes, indices, white space.
    let is_between = |b: &u8| b.is_ascii_alphanumeric() || b"_-.[]() \t\r\n".contains(b);
    let bytes = text.as_bytes();
    let (mut count, mut end) = (0, 0);
    for star in memchr::memchr_iter(b'*', bytes) {
        let before = bytes[..star].iter().rposition(|b| !b.is_ascii_whitespace());
        if !before.is_some_and(|at| matches!(bytes[at], b'[' | b'.')) {
            continue;
        }
        count = match bytes[end..star].iter().all(is_between) {
            true => count + 1,
            false => 1,
        };
        end = star + 1;
        if count > MOST {
            return Some(star);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_splats_of_one_chain_count() {
        for part in ["[*]", ".*", "[*].id", "[ * ]", ".* \n", "[*](x)"] {
            assert!(
                too_many(&format!("a = x{}", part.repeat(MOST + 1))).is_some(),
                "{part}"
            );
            assert_eq!(too_many(&format!("a = x{}", part.repeat(MOST))), None, "{part}");
        }
        assert_eq!(too_many(&"a = x[*]\n".repeat(5000)), None);
        assert_eq!(too_many(&"a = [x.*, y[*]]\n".repeat(5000)), None);
        assert_eq!(too_many(&"# * a.* b\n/* c */ 2 * 3\n".repeat(50)), None);
    }
}
