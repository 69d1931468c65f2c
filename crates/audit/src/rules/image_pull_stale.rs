//! A node that already has an image keeps it when the tag moves.

use super::common;
use super::images::{is_moving, is_set_elsewhere, is_stand_in};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Fact;
use cofferdam_model::workload::{Completeness, Container, Workload};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("image-pull-stale"),
    group: Group::Delivery,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a tag is not pulled again when it is moved: nodes run different versions"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/image-pull-stale.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in cx.env.workloads.iter().filter(|w| is_judged(w)) {
        for container in workload.containers.iter().chain(&workload.init_containers) {
            if let Some(stale) = Stale::of(container)
                && !is_set_elsewhere(cx.env, workload, container)
                && !container
                    .image
                    .as_ref()
                    .is_some_and(|image| is_stand_in(cx, workload, image))
            {
                out.report(finding(cx, workload, container, &stale));
            }
        }
    }
}

/// Whether this rule judges the pods of a workload.
pub(crate) fn is_judged(workload: &Workload) -> bool {
    workload.completeness == Completeness::Whole && is_kubelets(&workload.id.kind)
}

/// Whether the kubelet runs pods of this kind, so that its defaults apply.
pub(crate) fn is_kubelets(kind: &str) -> bool {
    super::disruption_budget_missing::is_kubernetes(kind)
        || matches!(kind, "DaemonSet" | "Job" | "CronJob" | "Pod")
}

/// A tag that is intended to move, and a policy that does not pull it again.
pub(crate) struct Stale<'a> {
    tag: &'a str,
    policy: &'a Fact<String>,
    at: &'a Fact<String>,
}

impl<'a> Stale<'a> {
    /// Of a container that has both. If no policy is written, image-mutable-tag says what follows from the tag.
    pub(crate) fn of(container: &'a Container) -> Option<Self> {
        let image = container.image.as_ref();
        let image = image.filter(|i| i.digest.is_none() && !i.repository.is_empty())?;
        let policy = container
            .fields
            .get("imagePullPolicy")
            .filter(|p| p.value != "Always")?;
        let tag = image.tag.as_ref().map_or("latest", |t| t.value.as_str());
        is_moving(tag).then_some(Stale {
            tag,
            policy,
            at: image.tag.as_ref().unwrap_or(&image.text),
        })
    }
}

fn finding(cx: &Context<'_>, workload: &Workload, container: &Container, stale: &Stale<'_>) -> Finding {
    let mut evidence = Evidence::new();
    let policy = evidence.take(stale.policy, "does not pull an image that the node has");
    evidence.note(stale.at, "a tag that moves");
    let title = format!(
        "{}: `{}` has the moving tag `{}` and the pull policy {policy}",
        workload.id, container.name, stale.tag
    );
    Finding::new(&workload.id, title)
        .cause(("container", container.name.as_str()))
        .severity(common::severity_in(cx.env, Severity::Medium))
        .explain(
            "A node that has run the tag before starts its old copy, and a fresh node pulls the new \
            one. Replicas of one deployment run different versions, and each restart or scale-out changes \
            which ones.",
        )
        .remedy(
            "Name the image by version and digest; then the pull policy does not matter. If that is not possible, set \
                `imagePullPolicy: Always`.",
        )
        .evidence(evidence)
        .at(workload.span, "the workload")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};
    use crate::rules::{image_mutable_tag, pods};
    use cofferdam_model::images::Image;

    fn severity(tag: Option<&str>, policy: Option<&str>) -> Option<Severity> {
        let env = pods::testing::env((2, 2, 2), |w| {
            w.containers[0].image = Some(Image {
                text: fact("r.example.net/api".to_owned(), 9),
                registry: None,
                repository: "api".to_owned(),
                tag: tag.map(|t| fact(t.to_owned(), 10)),
                digest: None,
            });
            if let Some(policy) = policy {
                let policy = fact(policy.to_owned(), 11);
                w.containers[0]
                    .fields
                    .insert("imagePullPolicy".to_owned(), policy);
            }
        });
        // One of the two rules reports each container.
        let of_tag = testing::all(&image_mutable_tag::RULE, &env).len();
        let found = testing::all(&RULE, &env);
        assert_eq!(of_tag + found.len(), 1, "{tag:?} {policy:?}");
        found.first().and_then(|f| f.severity)
    }

    #[test]
    fn a_moving_tag_needs_to_be_pulled_each_time() {
        let medium = Some(Severity::Medium);
        assert_eq!(severity(Some("latest"), Some("IfNotPresent")), medium);
        assert_eq!(severity(None, Some("Never")), medium);
        assert_eq!(severity(Some("main"), Some("Always")), None);
    }

    #[test]
    fn a_version_or_an_unwritten_policy_is_left_to_the_rule_about_tags() {
        for (tag, policy) in [
            (Some("main"), None),
            (Some("latest"), None),
            (None, None),
            (Some("1.4.2"), Some("IfNotPresent")),
            (Some("1.4.2"), None),
        ] {
            assert_eq!(severity(tag, policy), None, "{tag:?} {policy:?}");
        }
    }
}
