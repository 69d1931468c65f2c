//! How names are compared: people write `data_collector`, `DataCollector` and `prod-data-collector` for one
//! service.

use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::nearest::nearest;

/// Lower case without separators: `Data_Collector` and `data-collector` are `datacollector`.
pub(super) fn fold(name: &str) -> String {
    if name.is_ascii() {
        let mut folded = String::with_capacity(name.len());
        let kept = name.chars().filter(char::is_ascii_alphanumeric);
        folded.extend(kept.map(|c| c.to_ascii_lowercase()));
        return folded;
    }
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Short and long words for environments; those in one line mean the same.
const ENVIRONMENT_WORDS: [&[&str]; 4] = [
    &["production", "prod", "prd", "live"],
    &["staging", "stage", "stg"],
    &["development", "dev", "develop"],
    &["test", "testing", "qa"],
];

/// The significant part of a name: without the words of `environment`, in lower case and without separators
/// (`orders-db-prod` in production is `ordersdb`). If two things of one kind and environment have the same
/// one, they are likely the same thing.
pub fn bare_name(environment: &str, name: &str) -> String {
    Affixes::new(environment, std::iter::empty())
        .strip(name)
        .unwrap_or_else(|| fold(name))
}

/// A name without the word of its environment at its beginning or end: `shop` of `shop-prod` in production. Empty if it is
/// only that word. In an environment without a name every name is as it is.
pub fn without_environment<'n>(environment: &str, name: &'n str) -> &'n str {
    if environment == "default" {
        return name;
    }
    let of_environment = |words: &&&[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(environment));
    let words = ENVIRONMENT_WORDS.iter().find(of_environment).copied();
    let own = words.is_none().then_some(environment);
    let is_separator = |c: char| matches!(c, '-' | '_' | '.');
    words
        .unwrap_or_default()
        .iter()
        .copied()
        .chain(own)
        .fold(name, |rest, word| {
            let (start, end) = (rest.get(..word.len()), rest.len().checked_sub(word.len()));
            let end = end.and_then(|at| rest.get(at..));
            let is_word = |part: Option<&str>| part.is_some_and(|part| part.eq_ignore_ascii_case(word));
            if is_word(start) {
                let after = &rest[word.len()..];
                if after.is_empty() {
                    return after;
                }
                if let Some(shorter) = after.strip_prefix(is_separator) {
                    return shorter;
                }
            }
            match is_word(end) {
                true => rest[..rest.len() - word.len()]
                    .strip_suffix(is_separator)
                    .unwrap_or(rest),
                false => rest,
            }
        })
}

/// Prefixes and suffixes that do not distinguish services, in lower case with `-` as separator.
#[derive(Debug, Default)]
pub(super) struct Affixes {
    words: Vec<String>,
}

impl Affixes {
    /// The words for `environment`, and the common prefix and suffix of all `names` (the `namePrefix` and
    /// `nameSuffix` of a kustomize build). Names of an environment without a name may contain the word of any
    /// environment.
    pub(super) fn new<'a>(environment: &str, names: impl Iterator<Item = &'a str>) -> Affixes {
        let environment = dashed(environment);
        let mut words: Vec<String> = ENVIRONMENT_WORDS
            .iter()
            .filter(|line| environment == "default" || line.contains(&environment.as_str()))
            .flat_map(|line| line.iter().map(|w| (*w).to_owned()))
            .collect();
        if environment != "default" && !words.contains(&environment) {
            words.push(environment);
        }
        let names: Vec<String> = names.map(dashed).collect();
        let reversed: Vec<String> = names.iter().map(|n| n.chars().rev().collect()).collect();
        words.extend(shared_prefix(&names));
        words.extend(shared_prefix(&reversed).map(|w| w.chars().rev().collect()));
        Affixes { words }
    }

    /// `name` without those words, folded; `None` if it contains none, or nothing else.
    pub(super) fn strip(&self, name: &str) -> Option<String> {
        let whole = dashed(name);
        let rest = self.rest(&whole);
        let folded = fold(rest);
        (rest.len() < whole.len() && !folded.is_empty()).then_some(folded)
    }

    /// `name` without those words, in lower case, with `-` between its own words.
    pub(super) fn bare(&self, name: &str) -> String {
        let whole = dashed(name);
        self.rest(&whole).to_owned()
    }

    fn rest<'n>(&self, whole: &'n str) -> &'n str {
        let mut rest = whole;
        for word in &self.words {
            if let Some(shorter) = rest
                .strip_prefix(word.as_str())
                .and_then(|r| r.strip_prefix('-'))
                .or_else(|| rest.strip_suffix(word.as_str()).and_then(|r| r.strip_suffix('-')))
            {
                rest = shorter;
            }
        }
        rest
    }
}

fn dashed(name: &str) -> String {
    let mut dashed = name.trim().replace(['_', '.', ' '], "-");
    if dashed.is_ascii() {
        dashed.make_ascii_lowercase();
        return dashed;
    }
    dashed.chars().flat_map(char::to_lowercase).collect()
}

/// The longest prefix that ends before a `-` and that all names share; it needs two names, because one shares
/// everything with itself.
fn shared_prefix(names: &[String]) -> Option<String> {
    let (first, rest) = names.split_first()?;
    if rest.is_empty() {
        return None;
    }
    let mut length = first.len();
    for name in rest {
        length = first[..length]
            .char_indices()
            .zip(name.chars())
            .find(|((_, a), b)| a != b)
            .map_or(length.min(name.len()), |((at, _), _)| at);
    }
    let end = first.get(..length)?.rfind('-')?;
    (end > 0).then(|| first[..end].to_owned())
}

/// Suggests the nearest names for missing ones, with a limit on the work: each search goes through every
/// known name, so a large platform with thousands of missing names gets suggestions only for the first few.
pub(super) struct Suggestions {
    left: usize,
    told: HashMap<String, Option<String>>,
}

impl Suggestions {
    /// Searches among `known` names.
    pub(super) fn among(known: usize) -> Suggestions {
        Suggestions {
            left: (100_000 / known.max(1)).max(8),
            told: HashMap::default(),
        }
    }

    /// The nearest of `known`, which must be the same names in every call.
    pub(super) fn find<'a>(&mut self, name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
        if let Some(told) = self.told.get(name) {
            return told.clone();
        }
        self.left = self.left.checked_sub(1)?;
        let found = nearest(name, known).map(str::to_owned);
        self.told.insert(name.to_owned(), found.clone());
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(environment: &str, names: &[&str], name: &str) -> Option<String> {
        Affixes::new(environment, names.iter().copied()).strip(name)
    }

    #[test]
    fn words_for_environments_are_not_a_part_of_the_name() {
        assert_eq!(strip("staging", &[], "api-staging").as_deref(), Some("api"));
        assert_eq!(strip("production", &[], "prod_api").as_deref(), Some("api"));
        assert_eq!(strip("production", &[], "api-staging"), None);
        assert_eq!(strip("default", &[], "api-staging").as_deref(), Some("api"));
        assert_eq!(strip("eu-west", &[], "eu-west-api").as_deref(), Some("api"));
        // The name itself is the word: nothing would be left.
        assert_eq!(strip("production", &[], "prod"), None);
        assert_eq!(strip("production", &[], "product"), None);
    }

    #[test]
    fn a_name_without_the_word_of_its_environment_keeps_the_rest() {
        for (environment, name, wanted) in [
            ("production", "shop-prod", "shop"),
            ("production", "prod_shop", "shop"),
            ("production", "shop-PRODUCTION", "shop"),
            ("production", "prod", ""),
            ("production", "product", "product"),
            ("production", "shop-dev", "shop-dev"),
            ("production", "shop", "shop"),
            ("production", "", ""),
            ("development", "team-a-dev", "team-a"),
            ("eu-west", "eu-west-shop", "shop"),
            ("default", "shop-prod", "shop-prod"),
            ("qa", "läden-qa", "läden"),
        ] {
            assert_eq!(
                without_environment(environment, name),
                wanted,
                "{environment} {name}"
            );
        }
    }

    #[test]
    fn a_bare_name_is_the_same_in_every_spelling() {
        assert_eq!(bare_name("production", "Orders_DB-prod"), "ordersdb");
        assert_eq!(bare_name("production", "orders-db"), "ordersdb");
        assert_ne!(bare_name("production", "orders-db-staging"), "ordersdb");
    }

    #[test]
    fn the_common_start_of_all_names_is_a_prefix_and_one_name_has_none() {
        let names = ["acme-api", "acme-worker", "acme-web-front"];
        assert_eq!(strip("x", &names, "acme-api").as_deref(), Some("api"));
        assert_eq!(strip("x", &["acme-api"], "acme-api"), None);
        assert_eq!(
            strip("x", &["api-v2", "worker-v2"], "worker-v2").as_deref(),
            Some("worker")
        );
        assert_eq!(strip("x", &["api", "apiary"], "apiary"), None);
    }

    #[test]
    fn names_beyond_ascii_do_not_panic() {
        assert_eq!(strip("x", &["é-a", "è-b"], "é-a"), None);
        assert_eq!(strip("x", &["é-a", "é-b"], "é-a").as_deref(), Some("a"));
        assert_eq!(strip("", &["", "-"], ""), None);
    }
}
