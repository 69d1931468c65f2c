//! Names of environments in code: keys of sections (`"staging": {…}`), names of constants
//! (`STAGING_DB_CONFIG`), and conditions (`if environment == "production"`).

use super::value::Dict;
use cofferdam_syntax::Span;
use cofferdam_syntax::environment;
use cofferdam_syntax::python::ast::{Expr, ExprKind};

/// Environments that a word in a longer name can mean; others (`test`, `local`) have too many other meanings.
const CLEAR: &[&str] = &[
    "production",
    "staging",
    "development",
    "preproduction",
    "qa",
    "uat",
];

/// The environment that the whole key names: `staging`, `prod`.
pub fn exact(key: &str) -> Option<&'static str> {
    environment::canonical(key).filter(|name| CLEAR.contains(name))
}

/// The environment that a key names: `staging`, `STAGING_DB_CONFIG`.
pub fn within(key: &str) -> Option<&'static str> {
    exact(key).or_else(|| {
        let mut found = key.split(['_', '-']).filter(|w| w.len() > 2).filter_map(exact);
        match (found.next(), found.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    })
}

/// Nobody has more environments than this; a larger dictionary is a table of something else.
const MAX_ENVIRONMENTS: usize = 16;

/// Whether a dictionary contains one value for each environment.
pub fn is_by_environment(dict: &Dict) -> bool {
    dict.items.len() <= MAX_ENVIRONMENTS && dict.items.iter().any(|i| exact(&i.key).is_some())
}

/// The values that a condition compares with: `if env == "staging"`, `in ("staging", "production")`.
pub fn of_condition(condition: &Expr) -> Vec<(&str, Span)> {
    let ExprKind::Equals(pair) = &condition.kind else {
        return Vec::new();
    };
    [&pair.0, &pair.1]
        .into_iter()
        .flat_map(|side| match &side.kind {
            ExprKind::Str(text) => vec![(&**text, side.span)],
            ExprKind::List(items) => items.iter().filter_map(|i| Some((i.text()?, i.span))).collect(),
            _ => Vec::new(),
        })
        .take(8)
        .collect()
}
