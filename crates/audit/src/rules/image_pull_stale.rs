//! A node that has an image of a moved tag keeps the old one.

use super::image_mutable_tag::MOVING;
use super::{common, pods};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::workload::{Container, Workload};

/// The rule.
pub const RULE: Rule = Rule {
    id: "image-pull-stale",
    group: Group::Delivery,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: "a tag is not pulled again when it is moved: nodes run different versions",
    page: include_str!("../../../../docs/rules/image-pull-stale.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::whole(cx.env) {
        for container in workload.containers.iter().chain(&workload.init_containers) {
            judge(cx, workload, container, out);
        }
    }
}

/// Whether the kubelet applies its default policy to workloads of this kind.
pub(crate) fn is_kubelets(kind: &str) -> bool {
    super::disruption_budget_missing::is_kubernetes(kind) || matches!(kind, "DaemonSet" | "Job" | "CronJob" | "Pod")
}

fn judge(cx: &Context<'_>, workload: &Workload, container: &Container, out: &mut Verdicts) {
    let Some(image) = container.image.as_ref().filter(|i| i.digest.is_none() && !i.repository.is_empty()) else { return };
    let tag = image.tag.as_ref().map_or("latest", |t| t.value.as_str());
    if !is_kubelets(&workload.id.kind) {
        return;
    }
    let moves = MOVING.contains(&tag.to_ascii_lowercase().as_str());
    let mut evidence = Evidence::new();
    let policy = match container.fields.get("imagePullPolicy") {
        Some(policy) if policy.value == "Always" => return,
        Some(policy) => evidence.take(policy, "never pulls what it has"),
        // The API server's default: Always for `latest`, IfNotPresent for every other tag.
        None if tag == "latest" => return,
        None => {
            evidence.assume("imagePullPolicy is not set; Kubernetes' default for a tag other than `latest` is IfNotPresent");
            "IfNotPresent".to_owned()
        }
    };
    evidence.note(image.tag.as_ref().unwrap_or(&image.text), if moves { "a tag that moves" } else { "a tag, not a digest" });
    let (kind, severity) = if moves { ("moving tag", Severity::Medium) } else { ("tag", Severity::Low) };
    out.report(
        Finding::new(workload.id.to_string(), format!("{}: `{}` has the {kind} `{tag}` and the pull policy {policy}", workload.id, container.name))
            .severity(common::severity_in(cx.env, severity))
            .explain(if moves {
                "A node that ran the tag before starts its old copy, a fresh node pulls the new one: replicas of one deployment run different versions, and a restart or a scale-out changes which."
            } else {
                "Nothing moves this tag by its name; but if it is pushed again (a rebuild under the same version), nodes that have it keep the old image and others pull the new one."
            })
            .remedy("Name the image by version and digest; the pull policy then does not matter. Failing that, `imagePullPolicy: Always`.")
            .evidence(evidence)
            .at(workload.span, "the workload"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};
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
                w.containers[0].fields.insert("imagePullPolicy".to_owned(), fact(policy.to_owned(), 11));
            }
        });
        testing::all(&RULE, &env).first().and_then(|f| f.severity)
    }

    #[test]
    fn a_moving_tag_needs_to_be_pulled_each_time() {
        let medium = Some(Severity::Medium);
        assert_eq!(severity(Some("latest"), Some("IfNotPresent")), medium);
        assert_eq!(severity(None, Some("Never")), medium);
        assert_eq!(severity(Some("main"), None), medium, "the default for other tags than latest is IfNotPresent");
        assert_eq!((severity(Some("latest"), None), severity(None, None)), (None, None), "the default for latest is Always");
        assert_eq!(severity(Some("main"), Some("Always")), None);
        assert_eq!(severity(Some("1.4.2"), Some("IfNotPresent")), Some(Severity::Low));
        assert_eq!(severity(Some("1.4.2"), Some("Always")), None);
    }
}
