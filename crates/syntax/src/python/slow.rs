//! Texts that would keep the parser busy for much longer than others of their length.

/// How many bytes the parser's scanner may look at again. At each line that is only a comment or a continued line
/// without anything on it, it looks ahead until the next line with code, and begins again on the next line.
const MAX_AHEAD: usize = 50_000_000;

/// Whether a text has so many such lines in a row that the parser would need many times as long as for others.
pub fn is_slow(text: &str) -> bool {
    let (mut ahead, mut lines, mut bytes) = (0_usize, 0_usize, 0_usize);
    for line in text.split_inclusive('\n').chain(["x"]) {
        let trimmed = line.trim();
        if trimmed.starts_with('#') || trimmed == "\\" {
            lines += 1;
            bytes += line.len();
        } else if trimmed.is_empty() {
            bytes += line.len();
        } else {
            ahead = ahead.saturating_add(lines.saturating_mul(bytes) / 2);
            (lines, bytes) = (0, 0);
        }
    }
    ahead > MAX_AHEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::lower::parse;
    use crate::source::FileId;

    #[test]
    fn long_runs_of_comments_or_empty_continued_lines_are_not_parsed() {
        for line in ["#\n", "  # x\n", "\\\n", " \\\r\n", "\\\n\n"] {
            let text = |lines: usize| format!("if a:\n  x = 1 \\\n{}\n  y = 2\n", line.repeat(lines));
            assert!(!is_slow(&text(2_000)), "{line:?}");
            assert!(is_slow(&text(10_000)), "{line:?}");
            assert!(parse(FileId(0), &text(10_000)).is_none(), "{line:?}");
            // Lines with code between them end the run.
            assert!(!is_slow(&text(500).repeat(20)), "{line:?}");
        }
        let blank = format!("x = 1\n{}y = 2\n", "\n".repeat(1_000_000));
        assert!(!is_slow(&blank));
        assert!(!is_slow(&"x = a + \\\n".repeat(50_000)));
    }
}
