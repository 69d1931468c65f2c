//! Every deploy overwrites the autoscaler's number of replicas with the fixed number in the manifest.

use super::common;
use super::disruption_budget_missing::is_kubernetes;
use crate::finding::{Evidence, Finding, Severity, UNNAMED};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::workload::Workload;
use cofferdam_model::{Fact, Platform, Span, WorkloadId};
use cofferdam_syntax::hash::{HashMap, HashSet};
use cofferdam_syntax::{Layer, Link};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("autoscaler-fights-replicas"),
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("every deploy overwrites an autoscaler's number of replicas with a fixed one"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!(
        "../../../../docs/rules/autoscaler-fights-replicas.md"
    )),
    check: Check::BuiltIn(check),
};

/// The place in a chart's template that passes a value on.
fn template_of(cx: &Context<'_>, value: &Fact<u32>) -> Option<Span> {
    let sources = &cx.platform.sources;
    let links = sources.chains().of(value.span()?);
    let is_template = |link: &&Link| {
        let path = sources.path(link.span.file);
        link.layer == Layer::Reference && path.iter().any(|part| part == "templates")
    };
    links.iter().rev().find(is_template).map(|link| link.span)
}

/// The environments in which a line sets the replicas of a workload that no autoscaler scales, for each such line.
fn unscaled(platform: &Platform) -> HashMap<Span, BTreeSet<String>> {
    let mut lines: HashMap<Span, BTreeSet<String>> = HashMap::default();
    for env in &platform.environments {
        let scaled: HashSet<WorkloadId> = env.autoscalers.iter().filter_map(|a| a.workload).collect();
        for (at, workload) in env.workloads.iter().enumerate() {
            let span = workload.replicas.as_ref().and_then(Fact::span);
            if let Some(span) = span.filter(|_| !scaled.contains(&WorkloadId(at))) {
                lines.entry(span).or_default().insert(env.name.clone());
            }
        }
    }
    lines
}

/// What to do, and in which order: a field that disappears from what was applied gets its default, one replica. Source:
/// Kubernetes documentation, "Horizontal Pod Autoscaling", "Migrating Deployments and StatefulSets to horizontal
/// autoscaling".
fn remedy(cx: &Context<'_>, workload: &Workload, value: &Fact<u32>) -> String {
    let lines = cx.shared.unscaled.get_or_init(|| unscaled(cx.platform));
    let elsewhere = value.span().and_then(|span| lines.get(&span));
    let names = elsewhere.map(|names| -> Vec<&str> {
        let named = names.iter().map(String::as_str);
        named.filter(|name| *name != UNNAMED).collect()
    });
    let first = match names.as_deref() {
        None => "Remove `replicas` from the manifest; the autoscaler owns the number.".to_owned(),
        Some([]) => {
            "Move `replicas` to the deployments without an autoscaler: they use this line, too, and run one \
            replica without it. Where there is one, it owns the number."
                .to_owned()
        }
        Some(names) => format!(
            "Move `replicas` to where there is no autoscaler ({}): this line is used there, too, and without it one \
             replica is run. Where there is one, it owns the number.",
            names.join(", ")
        ),
    };
    let (kind, name) = (workload.id.kind.to_ascii_lowercase(), &workload.id.name);
    match is_kubernetes(&workload.id.kind) {
        true => format!(
            "{first} The removal itself sets one replica until the autoscaler acts. To avoid that, first remove the field \
             from what was last applied (`kubectl apply edit-last-applied {kind}/{name}`), then from the file."
        ),
        false => first,
    }
}

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for autoscaler in &cx.env.autoscalers {
        let Some(workload) = autoscaler.workload.map(|id| &cx.env.workloads[id.0]) else {
            continue;
        };
        let Some(replicas) = &workload.replicas else {
            continue;
        };
        // The deploy tool is told to leave the number as it is.
        if workload.id.keeps_replicas(&cx.platform.scope) {
            continue;
        }
        let mut evidence = Evidence::new();
        evidence.note(
            replicas,
            format!("set back to {} with every deploy", replicas.value),
        );
        if let Some(max) = autoscaler.most() {
            evidence.note(max, format!("the autoscaler may have set {}", max.value));
        }
        // A template writes the field whatever the value is: that line is to be changed, not the value.
        let template = template_of(cx, replicas);
        let least = autoscaler.min.as_ref().map_or(1, |m| m.value);
        let most = autoscaler.most().map_or(least, |m| m.value);
        // A deploy at the maximum reduces the replicas to this part until the autoscaler has scaled up again.
        let kept = f64::from(replicas.value) / f64::from(most.max(1)) * 100.0;
        let kept = kept.min(100.0);
        if let Some(template) = template {
            evidence.place(template, "written here whatever the value is");
        }
        out.report(
            Finding::new(
                &workload.id,
                format!(
                    "{}: every deploy overwrites the autoscaler ({least} to {most}) with `replicas: {}`",
                    workload.id, replicas.value
                ),
            )
            .severity(if replicas.value <= least && most <= least {
                Severity::Low
            } else {
                Severity::Medium
            })
            .explain(if replicas.value > most {
                format!(
                    "Applying the manifest sets the replicas to {}, more than the autoscaler allows. With \
                     every deploy it then removes {} of them again, and meanwhile these unneeded pods take \
                     requests.",
                    replicas.value,
                    replicas.value - most
                )
            } else {
                format!(
                    "Applying the manifest sets the replicas to {}, and the autoscaler starts again from \
                     there. A deploy at peak, with {} running, leaves {:.0} % of them.",
                    replicas.value,
                    common::count(most.into(), "replica"),
                    kept
                )
            })
            .remedy(match template {
                Some(_) => "Let the template write `replicas` only where no autoscaler is on ({{- if not \
                     .Values.autoscaling.enabled }}); another value changes nothing of this."
                    .to_owned(),
                None => remedy(cx, workload, replicas),
            })
            .figure("replicas", replicas.value, "replicas")
            .figure("max_replicas", most, "replicas")
            .figure("kept_at_peak", kept, "%")
            .evidence(evidence)
            .at(autoscaler.span, "the autoscaler"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::pods::testing::env;
    use crate::rules::testing::{self, fact, owned_by, span};
    use cofferdam_model::Environment;
    use cofferdam_model::scaling::{Autoscaler, ScalingBehaviour};

    /// Three replicas in the manifest, and an autoscaler from 2 to 12.
    fn scaled() -> Environment {
        let mut env = env((2, 3, 12), |_| {});
        env.workloads[0].replicas = Some(fact(3, 9));
        env.autoscalers.push(Autoscaler {
            name: "api".to_owned(),
            format: "HorizontalPodAutoscaler".to_owned(),
            span: span(20),
            completeness: cofferdam_model::workload::Completeness::Whole,
            target: None,
            workload: Some(WorkloadId(0)),
            owner: owned_by(0),
            min: Some(fact(2, 21)),
            max: Some(fact(12, 22)),
            limit: None,
            metrics: Vec::new(),
            up: ScalingBehaviour::default(),
            down: ScalingBehaviour::default(),
        });
        env
    }

    #[test]
    fn three_replicas_over_a_maximum_of_twelve_leave_a_quarter() {
        let mut env = scaled();
        assert_eq!(testing::only(&RULE, &env).figures["kept_at_peak"].value, 25.0);
        env.workloads[0].replicas = Some(fact(15, 9));
        assert!(
            testing::only(&RULE, &env)
                .explanation
                .contains("removes 3 of them"),
            "15 − 12"
        );
        env.workloads[0].replicas = None;
        assert!(testing::all(&RULE, &env).is_empty());
    }

    #[test]
    fn a_line_that_others_use_without_an_autoscaler_is_moved_and_not_removed() {
        let remedy = |others: Vec<Environment>| {
            let mut environments = vec![scaled()];
            environments.extend(others);
            let platform = Platform {
                environments,
                ..Platform::default()
            };
            testing::verdicts_in(&RULE, &platform.environments[0], &platform)
                .findings
                .remove(0)
                .remedy
        };
        let alone = remedy(Vec::new());
        assert!(
            alone.starts_with("Remove `replicas`") && alone.contains("edit-last-applied deployment/api"),
            "{alone}"
        );
        let staging = || Environment {
            name: "staging".to_owned(),
            ..scaled()
        };
        assert!(remedy(vec![staging()]).starts_with("Remove"), "scaled there, too");
        let unscaled = || {
            let mut env = staging();
            env.autoscalers.clear();
            env
        };
        let moved = remedy(vec![unscaled()]);
        assert!(
            moved.starts_with("Move `replicas` to where there is no autoscaler (staging)"),
            "{moved}"
        );
        let mut own = unscaled();
        own.workloads[0].replicas = Some(fact(3, 99));
        assert!(remedy(vec![own]).starts_with("Remove"), "a line of its own");
    }
}
