//! Regular expressions that match the whole of a text, as selectors of kustomize and matchers of Alertmanager are.

use regex_automata::meta::Regex;

/// Bytes that a compiled expression may use; names need a small part of that.
const REGEX_BYTES: usize = 1 << 20;

/// An expression that is ready to use.
#[derive(Debug)]
pub enum Pattern {
    /// One text.
    Literal(String),
    /// Anything else.
    Regex(Regex),
}

impl Pattern {
    /// Reads an expression; `None` for one that is not valid, or too large.
    #[must_use]
    pub fn new(text: &str) -> Option<Pattern> {
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '/');
        if text.chars().all(is_plain) {
            return Some(Pattern::Literal(text.to_owned()));
        }
        let config = Regex::config()
            .nfa_size_limit(Some(REGEX_BYTES))
            .hybrid_cache_capacity(REGEX_BYTES);
        let built = Regex::builder().configure(config).build(&format!("^(?:{text})$"));
        built.ok().map(Pattern::Regex)
    }

    /// Whether it matches all of a text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Pattern::Literal(literal) => literal == text,
            Pattern::Regex(regex) => regex.is_match(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_expression_matches_all_of_a_text_or_is_not_valid() {
        for (pattern, text, wanted) in [
            ("web", "web", Some(true)),
            ("web", "web-2", Some(false)),
            ("A|B", "B", Some(true)),
            ("A|B", "AB", Some(false)),
            ("(Host|Node).*", "HostDown", Some(true)),
            ("^(A|B)$", "A", Some(true)),
            (".+", "", Some(false)),
            ("a\\.b", "a.b", Some(true)),
            ("a\\.b", "axb", Some(false)),
            ("[Aa]", "A", Some(true)),
            ("é.*", "éa", Some(true)),
            ("(", "(", None),
            ("a{1000000}", "a", None),
        ] {
            let found = Pattern::new(pattern).map(|pattern| pattern.matches(text));
            assert_eq!(found, wanted, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(pattern in "\\PC{0,30}", text in "\\PC{0,30}") {
            let _ = Pattern::new(&pattern).map(|pattern| pattern.matches(&text));
        }
    }
}
