//! A pod without a controller is lost with its node.

use super::{common, pods};
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::workload::Lifecycle;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("bare-pod"),
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a Pod has no controller that recreates it when its node is lost"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/bare-pod.md")),
    check: Check::BuiltIn(check),
};

/// Annotations of pods that should run once, or that the kubelet runs from a file on its node.
const MEANT: &[&str] = &[
    "helm.sh/hook",
    "argocd.argoproj.io/hook",
    "kubernetes.io/config.source",
    "kubernetes.io/config.mirror",
];

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::whole(cx.env).filter(|w| w.lifecycle == Lifecycle::Pod && w.id.kind == "Pod") {
        let of_the_node = workload.id.namespace.as_deref() == Some("kube-system");
        // An export of a cluster names the controller that keeps the pod.
        let is_kept = workload.fields.contains_key("ownerReferences");
        if of_the_node || is_kept || MEANT.iter().any(|a| workload.annotations.contains_key(*a)) {
            continue;
        }
        let once = workload
            .fields
            .get("restartPolicy")
            .is_some_and(|p| p.value != "Always");
        let severity = if once {
            Severity::Low
        } else {
            common::severity_in(cx.env, Severity::Medium)
        };
        out.report(
            Finding::new(
                &workload.id,
                format!("{}: no controller keeps it running", workload.id),
            )
            .severity(severity)
            .explain(
                "When its node fails, is drained or runs out of memory, the pod is removed and \
                    nothing recreates it. It also cannot be rolled out or scaled.",
            )
            .remedy(if once {
                "Make it a Job."
            } else {
                "Make it the template of a Deployment (or of a StatefulSet if it needs an identity)."
            })
            .figure("replicas", 1, "replicas")
            .at(workload.span, "the pod"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};

    #[test]
    fn a_pod_is_reported_unless_it_is_a_test_or_a_static_pod() {
        let pod = |set: fn(&mut cofferdam_model::workload::Workload)| {
            pods::testing::env((1, 1, 1), |w| {
                w.id.kind = "Pod".to_owned();
                w.lifecycle = Lifecycle::Pod;
                set(w);
            })
        };
        assert_eq!(
            testing::only(&RULE, &pod(|_| {})).severity,
            Some(Severity::Medium)
        );
        let once = pod(|w| {
            drop(
                w.fields
                    .insert("restartPolicy".to_owned(), fact("Never".to_owned(), 8)),
            )
        });
        assert_eq!(testing::only(&RULE, &once).severity, Some(Severity::Low));
        assert!(
            testing::all(
                &RULE,
                &pod(|w| drop(
                    w.annotations
                        .insert("helm.sh/hook".to_owned(), fact("test".to_owned(), 8))
                ))
            )
            .is_empty()
        );
        assert!(testing::all(&RULE, &pod(|w| w.id.namespace = Some("kube-system".to_owned()))).is_empty());
        let kept = |w: &mut cofferdam_model::workload::Workload| {
            drop(w.fields.insert(
                "ownerReferences".to_owned(),
                fact("ReplicaSet api-1".to_owned(), 8),
            ))
        };
        assert!(testing::all(&RULE, &pod(kept)).is_empty());
        assert!(testing::all(&RULE, &pods::testing::env((1, 1, 1), |_| {})).is_empty());
    }
}
