//! How a bad version meets its users: a failed deploy does not go back by itself.

use super::common;
use super::secret_in_environment::join;
use crate::finding::{Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::delivery::Delivery;

/// The rule.
pub const RULE: Rule = Rule {
    id: "deploy-no-rollback",
    group: Group::Delivery,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: "a failed deploy does not go back by itself",
    page: include_str!("../../../../docs/rules/deploy-no-rollback.md"),
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
        .filter(|d| d.declarable && !d.rollback.as_ref().is_some_and(|f| f.value))
        .collect();
    if lacking.is_empty() {
        return;
    }
    let mut names: Vec<String> = lacking.iter().map(|d| d.name.clone()).collect();
    names.sort();
    names.dedup();
    let who = join(&names);
    let mut finding = Finding::new("delivery", format!("{who}: a failed deploy does not go back by itself"))
        .explain("The new version stays until someone notices, decides and undoes it: the outage lasts as long as the page, the person and the way back together.")
        .remedy("Declare an automatic rollback on failed health checks or a rising error rate.")
        .figure("deliveries", names.len() as f64, "deliveries")
        .likely();
    for delivery in lacking.iter().take(4) {
        if let Some(span) = delivery.rollback.as_ref().and_then(|f| f.span()) {
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
        env.deliveries[0].rollback = Some(fact(true, 2));
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
