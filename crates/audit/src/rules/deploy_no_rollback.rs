//! How a bad version meets its users: a failed deploy does not go back by itself.

use super::common;
use crate::finding::{Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};

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
    for delivery in cx.env.deliveries.iter().filter(|d| d.declarable) {
        if delivery.rollback.as_ref().is_some_and(|f| f.value) {
            continue;
        }
        let mut finding = Finding::new(format!("delivery of {}", delivery.name), format!("{}: a failed deploy does not go back by itself", delivery.name))
            .explain("The new version stays until someone notices, decides and undoes it: the outage lasts as long as the page, the person and the way back together.")
            .remedy("Declare an automatic rollback on failed health checks or a rising error rate.");
        finding = match delivery.rollback.as_ref().and_then(|f| f.span()) {
            Some(span) => finding.at(span, "switched off"),
            None => finding.likely(),
        };
        if let Some(span) = delivery.span {
            finding = finding.at(span, "the delivery");
        }
        out.report(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::Environment;
    use cofferdam_model::delivery::Delivery;

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
