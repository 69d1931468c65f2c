//! Patterns of paths and names, with a limit: the library that matches them gives up in a panic, or takes more stack than
//! a thread has, where alternatives are nested too deep.

use globset::{GlobBuilder, GlobMatcher};

/// Alternatives (`{a,b}`) inside one another. No real pattern has three.
const DEEPEST: usize = 16;
/// Characters of a pattern.
const LONGEST: usize = 4_096;

/// A pattern in which `*` crosses `/`: for names and texts.
///
/// # Errors
/// What is wrong with it, as a clause.
pub fn of_texts(pattern: &str) -> Result<GlobMatcher, String> {
    build(pattern, false)
}

/// A pattern in which `*` ends at `/` and `**` does not: for paths.
///
/// # Errors
/// What is wrong with it, as a clause.
pub fn of_paths(pattern: &str) -> Result<GlobMatcher, String> {
    build(pattern, true)
}

fn build(pattern: &str, literal_separator: bool) -> Result<GlobMatcher, String> {
    if pattern.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} characters"));
    }
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in pattern.bytes() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if deepest > DEEPEST {
        return Err(format!(
            "its alternatives (`{{a,b}}`) are nested more than {DEEPEST} deep"
        ));
    }
    let glob = GlobBuilder::new(pattern)
        .literal_separator(literal_separator)
        .build()
        .map_err(|error| error.kind().to_string())?;
    Ok(glob.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_crosses_directories_in_texts_only() {
        assert!(of_texts("a*c").unwrap().is_match("a/b/c"));
        assert!(!of_paths("a*c").unwrap().is_match("a/b/c"));
        assert!(of_paths("a/**").unwrap().is_match("a/b/c"));
        assert!(of_texts("{a,{b,c}}").unwrap().is_match("c"));
        assert!(of_paths("a[").is_err());
    }

    #[test]
    fn patterns_that_are_too_large_are_errors() {
        for depth in [17, 150, 1_000] {
            let nested = format!("{}x{}", "{a,".repeat(depth), "}".repeat(depth));
            assert!(of_texts(&nested).unwrap_err().contains("nested"), "{depth}");
        }
        assert!(of_texts(&"{".repeat(20_000)).is_err());
        assert!(of_paths(&"a".repeat(5_000)).unwrap_err().contains("longer"));
        // What is allowed is matched: classes, stars and alternatives as many as there is room for.
        for part in ["*", "**/", "[a-z]", "{a,b}", "?", "[!x]"] {
            let pattern = part.repeat(LONGEST / part.len());
            // No panic is all that counts.
            let _ = of_paths(&pattern).map(|glob| glob.is_match("ZZ/none"));
        }
        let nested = format!("{}x{}", "{a,".repeat(16), "}".repeat(16));
        assert!(of_texts(&nested).unwrap().is_match("x"));
    }
}
