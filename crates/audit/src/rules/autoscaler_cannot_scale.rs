//! An autoscaler whose maximum equals its minimum never scales.

use super::common;
use super::common::count;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Fact;
use cofferdam_model::workload::Completeness;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("autoscaler-cannot-scale"),
    group: Group::Scaling,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("an autoscaler's maximum is not above its minimum"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/autoscaler-cannot-scale.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for autoscaler in &cx.env.autoscalers {
        let Some(max) = &autoscaler.max else { continue };
        let unset = || {
            let taken_as_one = autoscaler.format == "HorizontalPodAutoscaler"
                && autoscaler.completeness == Completeness::Whole;
            taken_as_one.then(|| Fact::assumed(1, "minReplicas is not set; a HorizontalPodAutoscaler uses 1"))
        };
        let Some(min) = autoscaler.min.clone().or_else(unset) else {
            continue;
        };
        // The API server refuses one whose maximum is below its minimum, which manifest-invalid reports.
        let is_validated = autoscaler.format == "HorizontalPodAutoscaler"
            && cx
                .env
                .defects
                .iter()
                .any(|defect| Some(defect.span) == max.span());
        if is_validated {
            continue;
        }
        // Zero means that scaling is switched off on purpose.
        if max.value > min.value || max.value == 0 {
            continue;
        }
        let mut evidence = Evidence::new();
        let (most, fewest) = (evidence.take(max, "most"), evidence.take(&min, "fewest"));
        let (severity, title) = if most < fewest {
            (
                Severity::High,
                format!(
                    "{} {}: the maximum is {} and the minimum {fewest}: it is refused",
                    autoscaler.format,
                    autoscaler.name,
                    count(most.into(), "replica")
                ),
            )
        } else {
            (
                Severity::Low,
                format!(
                    "{} {}: the minimum and the maximum are both {}: it never scales",
                    autoscaler.format,
                    autoscaler.name,
                    count(most.into(), "replica")
                ),
            )
        };
        out.report(
            Finding::new(common::autoscaler(autoscaler, &autoscaler.format), title)
                .severity(severity)
                .explain(
                    "The number of replicas does not change under load, although the files suggest that \
                    it would.",
                )
                .remedy("Set a maximum above the minimum, or remove the autoscaler and set `replicas`.")
                .figure("fewest", fewest, "replicas")
                .figure("most", most, "replicas")
                .evidence(evidence)
                .at(autoscaler.span, "the autoscaler"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::scaling::{Autoscaler, ScalingBehaviour};
    use cofferdam_model::{Environment, Parts};

    fn severity(min: impl Into<Option<u32>>, max: u32) -> Option<Severity> {
        let autoscaler = Autoscaler {
            name: "api".to_owned(),
            format: "HorizontalPodAutoscaler".to_owned(),
            span: span(1),
            completeness: cofferdam_model::workload::Completeness::Whole,
            target: None,
            workload: None,
            owner: cofferdam_model::Owner::default(),
            min: min.into().map(|m| fact(m, 2)),
            max: Some(fact(max, 3)),
            limit: None,
            metrics: Vec::new(),
            up: ScalingBehaviour::default(),
            down: ScalingBehaviour::default(),
        };
        let env = Environment {
            parts: Parts {
                autoscalers: vec![autoscaler],
                ..Parts::default()
            },
            ..Environment::default()
        };
        testing::all(&RULE, &env).first().and_then(|f| f.severity)
    }

    #[test]
    fn the_maximum_must_be_above_the_minimum() {
        assert_eq!(severity(2, 10), None);
        assert_eq!(severity(3, 3), Some(Severity::Low));
        assert_eq!(severity(5, 3), Some(Severity::High));
        assert_eq!(severity(0, 0), None);
        assert_eq!(
            severity(None, 1),
            Some(Severity::Low),
            "a minimum that is not set is 1"
        );
        assert_eq!(severity(None, 2), None);
    }
}
