//! Shared code of the rules about missing precautions of a delivery. They differ only in their words.

use super::common;
use super::secret_in_environment::join;
use crate::finding::{Finding, Subject};
use crate::rule::{Context, Verdicts};
use cofferdam_model::delivery::Delivery;
use cofferdam_model::{Absence, Fact};

/// A precaution of a delivery, and the text of the finding if it is missing.
pub(crate) struct Flag {
    /// Where it is declared.
    pub(crate) fact: fn(&Delivery) -> Option<&Fact<bool>>,
    /// The title after the names of the deliveries.
    pub(crate) title: &'static str,
    /// The consequence.
    pub(crate) explanation: &'static str,
    /// The fix.
    pub(crate) remedy: &'static str,
}

/// Reports all deliveries without the precaution together, because they are parts of one way to production.
pub(crate) fn judge(flag: &Flag, cx: &Context<'_>, out: &mut Verdicts) {
    if !common::is_production_like(&cx.env.name) {
        return;
    }
    let lacks = |d: &&Delivery| d.declarable && !(flag.fact)(d).is_some_and(|f| f.value);
    let lacking: Vec<&Delivery> = cx.env.deliveries.iter().filter(lacks).collect();
    if lacking.is_empty() {
        return;
    }
    let mut names: Vec<String> = lacking.iter().map(|d| d.name.clone()).collect();
    names.sort();
    names.dedup();
    let mut finding = Finding::new(
        Subject::all("delivery"),
        format!("{}: {}", join(&names), flag.title),
    )
    .explain(flag.explanation)
    .remedy(flag.remedy)
    .figure("deliveries", names.len() as f64, "deliveries")
    .likely();
    if lacking.iter().any(|d| (flag.fact)(d).is_none()) {
        finding = finding.absent(Absence::Delivery);
    }
    for delivery in lacking.iter().take(4) {
        if let Some(span) = (flag.fact)(delivery).and_then(Fact::span) {
            finding = finding.at(span, "switched off");
        } else if let Some(span) = delivery.span {
            finding = finding.at(span, "not declared here");
        }
    }
    out.report(finding);
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::rule::Rule;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::delivery::Delivery;
    use cofferdam_model::{Environment, Fact, Parts};

    /// A missing declaration counts only where one could have been read.
    pub(crate) fn silence_is_told(rule: &Rule, set: fn(&mut Delivery, Option<Fact<bool>>)) {
        let delivery = Delivery {
            name: "api".to_owned(),
            span: Some(span(1)),
            ..Delivery::default()
        };
        let mut env = Environment {
            name: "production".to_owned(),
            parts: Parts {
                deliveries: vec![delivery],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert!(testing::all(rule, &env).is_empty());
        env.deliveries[0].declarable = true;
        assert_eq!(testing::all(rule, &env).len(), 1);
        set(&mut env.deliveries[0], Some(fact(true, 2)));
        assert!(testing::all(rule, &env).is_empty());
    }
}
