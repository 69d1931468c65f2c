//! A node that already has an image keeps it when the tag moves.

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
    absences: &[],
    page: include_str!("../../../../docs/rules/image-pull-stale.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::whole(cx.env).filter(|w| is_kubelets(&w.id.kind)) {
        let mut others = Vec::new();
        for container in workload.containers.iter().chain(&workload.init_containers) {
            match Stale::of(container) {
                Some(stale) if stale.moves => out.report(moving(cx, workload, container, &stale)),
                // image-mutable-tag already reports, for the same line, that a version may be pushed again.
                Some(stale) if stale.written => others.push((container, stale)),
                _ => {}
            }
        }
        if !others.is_empty() {
            out.report(fixed(workload, &others));
        }
    }
}

/// Whether the kubelet applies its default policy to workloads of this kind.
pub(crate) fn is_kubelets(kind: &str) -> bool {
    super::disruption_budget_missing::is_kubernetes(kind)
        || matches!(kind, "DaemonSet" | "Job" | "CronJob" | "Pod")
}

/// An image with a tag that its nodes do not pull again.
struct Stale<'a> {
    tag: &'a str,
    /// Whether the tag is intended to move.
    moves: bool,
    policy: String,
    /// Whether the file sets the policy.
    written: bool,
    evidence: Evidence,
}

impl<'a> Stale<'a> {
    fn of(container: &'a Container) -> Option<Self> {
        let image = container
            .image
            .as_ref()
            .filter(|i| i.digest.is_none() && !i.repository.is_empty())?;
        let tag = image.tag.as_ref().map_or("latest", |t| t.value.as_str());
        let moves = MOVING.contains(&tag.to_ascii_lowercase().as_str());
        let mut evidence = Evidence::new();
        let policy = match container.fields.get("imagePullPolicy") {
            Some(policy) if policy.value == "Always" => return None,
            Some(policy) => evidence.take(policy, "does not pull an image that the node has"),
            // The API server's default: Always for `latest`, IfNotPresent for every other tag.
            None if tag == "latest" => return None,
            None => {
                evidence.assume("imagePullPolicy is not set; Kubernetes' default for a tag other than `latest` is IfNotPresent");
                "IfNotPresent".to_owned()
            }
        };
        evidence.note(
            image.tag.as_ref().unwrap_or(&image.text),
            if moves {
                "a tag that moves"
            } else {
                "a tag, not a digest"
            },
        );
        Some(Stale {
            tag,
            moves,
            policy,
            written: container.fields.contains_key("imagePullPolicy"),
            evidence,
        })
    }
}

const REMEDY: &str = "Name the image by version and digest; then the pull policy does not matter. If that is \
    not possible, set `imagePullPolicy: Always`.";

fn moving(cx: &Context<'_>, workload: &Workload, container: &Container, stale: &Stale<'_>) -> Finding {
    let title = format!(
        "{}: `{}` has the moving tag `{}` and the pull policy {}",
        workload.id, container.name, stale.tag, stale.policy
    );
    Finding::new(workload.id.to_string(), title)
        .severity(common::severity_in(cx.env, Severity::Medium))
        .explain(
            "A node that has run the tag before starts its old copy, and a fresh node pulls the new \
            one. Replicas of one deployment run different versions, and each restart or scale-out changes \
            which ones.",
        )
        .remedy(REMEDY)
        .evidence(stale.evidence.clone())
        .at(workload.span, "the workload")
}

/// Tags that move only when someone pushes them again. All such tags of a workload are one finding.
fn fixed(workload: &Workload, stale: &[(&Container, Stale<'_>)]) -> Finding {
    let containers: Vec<&Container> = stale.iter().map(|(c, _)| *c).collect();
    let title = match stale {
        [(one, stale)] => format!(
            "{}: `{}` has the tag `{}` and the pull policy {}",
            workload.id, one.name, stale.tag, stale.policy
        ),
        _ => format!(
            "{}: the tags of {} are not pulled again",
            workload.id,
            pods::names(&containers)
        ),
    };
    let mut finding = Finding::new(workload.id.to_string(), title)
        .severity(Severity::Low)
        .explain(
            "Such a tag is not intended to move. But if it is pushed again (a rebuild under the same \
            version), nodes that have it keep the old image and others pull the new one.",
        )
        .remedy(REMEDY)
        .figure("containers", stale.len() as f64, "containers");
    for (_, stale) in stale {
        finding = finding.evidence(stale.evidence.clone());
    }
    finding.at(workload.span, "the workload")
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
                w.containers[0]
                    .fields
                    .insert("imagePullPolicy".to_owned(), fact(policy.to_owned(), 11));
            }
        });
        testing::all(&RULE, &env).first().and_then(|f| f.severity)
    }

    #[test]
    fn a_moving_tag_needs_to_be_pulled_each_time() {
        let medium = Some(Severity::Medium);
        assert_eq!(severity(Some("latest"), Some("IfNotPresent")), medium);
        assert_eq!(severity(None, Some("Never")), medium);
        assert_eq!(
            severity(Some("main"), None),
            medium,
            "the default for other tags than latest is IfNotPresent"
        );
        assert_eq!(
            (severity(Some("latest"), None), severity(None, None)),
            (None, None),
            "the default for latest is Always"
        );
        assert_eq!(severity(Some("main"), Some("Always")), None);
        assert_eq!(severity(Some("1.4.2"), Some("IfNotPresent")), Some(Severity::Low));
        assert_eq!(severity(Some("1.4.2"), Some("Always")), None);
        assert_eq!(
            severity(Some("1.4.2"), None),
            None,
            "image-mutable-tag already reports the tag"
        );
    }

    #[test]
    fn version_tags_are_one_finding_for_each_workload() {
        let image = |name: &str| Image {
            text: fact(format!("r.example.net/{name}:1.0"), 9),
            registry: None,
            repository: name.to_owned(),
            tag: Some(fact("1.0".to_owned(), 10)),
            digest: None,
        };
        let env = pods::testing::env((2, 2, 2), |w| {
            w.containers[0].image = Some(image("api"));
            let policy = || [("imagePullPolicy".to_owned(), fact("IfNotPresent".to_owned(), 12))];
            w.containers[0].fields.extend(policy());
            w.init_containers.push(Container {
                name: "migrate".to_owned(),
                fields: policy().into(),
                image: Some(image("migrate")),
                ..Container::default()
            });
        });
        let finding = testing::only(&RULE, &env);
        assert!(
            finding
                .title
                .ends_with("the tags of `api` and `migrate` are not pulled again"),
            "{}",
            finding.title
        );
        assert!(finding.assumptions.is_empty());
    }
}
