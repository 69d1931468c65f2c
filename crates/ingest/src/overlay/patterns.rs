//! Patterns of paths in the overlay. Most are names of directories, of which a platform may have thousands: they are
//! looked up, and only the others are matched one by one.

use cofferdam_syntax::glob;
use cofferdam_syntax::hash::HashMap;
use globset::GlobMatcher;
use std::path::{Path, PathBuf};

/// Patterns in the order in which they are written.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    len: usize,
    /// Plain paths, of which those below match too.
    plain: HashMap<PathBuf, usize>,
    globs: Vec<(usize, GlobMatcher)>,
}

impl Patterns {
    /// Adds a pattern; `false` if it is not valid.
    pub(super) fn add(&mut self, text: &str) -> bool {
        // `k8s/prod` and `k8s/prod/` also mean everything below them.
        let text = text.trim_end_matches('/');
        let is_name = |part: &str| {
            let is_special = |c| matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | ',' | '!' | '\\');
            !part.is_empty() && part != "." && part != ".." && !part.contains(is_special)
        };
        if text.len() < 1_000 && text.split('/').all(is_name) {
            self.plain.entry(PathBuf::from(text)).or_insert(self.len);
        } else {
            let below = format!("{{{text},{text}/**}}");
            let pattern = match text.contains(['{', '}', ',']) {
                true => text,
                false => &below,
            };
            let Ok(glob) = glob::of_paths(pattern) else {
                return false;
            };
            self.globs.push((self.len, glob));
        }
        self.len += 1;
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first pattern that matches a path.
    pub(super) fn first(&self, path: &Path) -> Option<usize> {
        let plain = path.ancestors().filter_map(|above| self.plain.get(above));
        let glob = self.globs.iter().find(|(_, glob)| glob.is_match(path));
        plain.chain(glob.map(|(at, _)| at)).min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pattern_counts_whether_it_is_a_name_or_has_a_star() {
        let mut patterns = Patterns::default();
        assert!(patterns.is_empty());
        for text in ["k8s/prod/", "**/prod", "k8s", "k8s/prod"] {
            assert!(patterns.add(text), "{text}");
        }
        assert!(!patterns.add("a["));
        assert!(patterns.add("last"));
        for (path, at) in [
            ("k8s/prod/a.yaml", Some(0)),
            ("k8s/prod", Some(0)),
            ("k8s/production/a.yaml", Some(2)),
            ("x/prod/a.yaml", Some(1)),
            ("last", Some(4)),
            ("x/last", None),
        ] {
            assert_eq!(patterns.first(Path::new(path)), at, "{path}");
        }
    }

    #[test]
    fn a_name_matches_what_its_pattern_would_match() {
        for text in ["a", "a/b", "a b", "a.b", "a-b/c"] {
            let mut patterns = Patterns::default();
            patterns.add(text);
            let glob = glob::of_paths(&format!("{{{text},{text}/**}}")).unwrap();
            for path in [
                "a", "a/b", "a/b/c", "a b", "a.b/.c", "a-b/c/d", "A", "b/a", "ab", "",
            ] {
                let path = Path::new(path);
                assert_eq!(
                    patterns.first(path).is_some(),
                    glob.is_match(path),
                    "{text} {path:?}"
                );
            }
        }
    }
}
