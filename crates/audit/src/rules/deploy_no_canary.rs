//! How a bad version meets its users: a new version gets all of the traffic at once.

use super::common;
use super::secret_in_environment::join;
use crate::finding::{Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::delivery::Delivery;

/// The rule.
pub const RULE: Rule = Rule {
    id: "deploy-no-canary",
    group: Group::Delivery,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: "a new version gets all of the traffic at once",
    page: include_str!("../../../../docs/rules/deploy-no-canary.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    if !common::is_production_like(&cx.env.name) {
        return;
    }
    let lacking: Vec<&Delivery> = cx
        .env
        .deliveries
        .iter()
        .filter(|d| d.declarable && !d.canary.as_ref().is_some_and(|f| f.value))
        .collect();
    if lacking.is_empty() {
        return;
    }
    let mut names: Vec<String> = lacking.iter().map(|d| d.name.clone()).collect();
    names.sort();
    names.dedup();
    let who = join(&names);
    let mut finding = Finding::new("delivery", format!("{who}: a new version gets all of the traffic at once"))
        .explain("A fault that only real traffic shows meets all users at once.")
        .remedy("Give a new version a small share first (5 %), compare its errors and latency with the old one's, then go on in steps.")
        .figure("deliveries", names.len() as f64, "deliveries")
        .likely();
    for delivery in lacking.iter().take(4) {
        if let Some(span) = delivery.canary.as_ref().and_then(|f| f.span()) {
            finding = finding.at(span, "switched off");
        } else if let Some(span) = delivery.span {
            finding = finding.at(span, "nothing said here");
        }
    }
    out.report(finding);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::Environment;

    #[test]
    fn silence_counts_only_where_it_could_be_said() {
        let delivery = Delivery { name: "api".to_owned(), span: Some(span(1)), ..Delivery::default() };
        let mut env = Environment { name: "production".to_owned(), deliveries: vec![delivery], ..Environment::default() };
        assert!(testing::all(&RULE, &env).is_empty());
        env.deliveries[0].declarable = true;
        assert_eq!(testing::all(&RULE, &env).len(), 1);
        env.deliveries[0].canary = Some(fact(true, 2));
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
