//! An admission policy is only as strict as the most open place from which it admits images.

use super::common::count;
use super::images::is_stand_in;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Fact;
use cofferdam_model::images::Image;
use cofferdam_syntax::glob;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("image-untrusted-registry"),
    group: Group::Images,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "the admission policy admits images from a registry path that anyone may push to, or images run from elsewhere",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/image-untrusted-registry.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    open_paths(cx, out);
    outside(cx, out);
}

/// Path prefix of a pattern: `host/path/*` is `host/path/`.
fn prefix(pattern: &str) -> &str {
    pattern.trim_end_matches('*')
}

fn open_paths(cx: &Context<'_>, out: &mut Verdicts) {
    let open = &cx.platform.overlay.open_registries;
    for policy in &cx.env.admission_policies {
        for admitted in &policy.allowed_images {
            let is_wild = admitted.value.contains('*') || admitted.value.ends_with('/');
            let path = prefix(&admitted.value);
            match open
                .iter()
                .find(|o| path.starts_with(prefix(&o.value)) || prefix(&o.value).starts_with(path))
            {
                Some(stated) => {
                    let mut evidence = Evidence::new();
                    evidence.note(admitted, "admitted");
                    evidence.note(stated, "anyone may push here");
                    out.report(
                        Finding::new(
                            Subject::named("policy", &policy.name),
                            format!(
                                "{} admits images from `{}`, where anyone may push",
                                policy.name, admitted.value
                            ),
                        )
                        .cause(("images", admitted.value.as_str()))
                        .explain(
                            "The policy checks where an image comes from, not who made it: anyone who \
                            may push there may run anything in the cluster.",
                        )
                        .remedy(
                            "Admit only paths to which only the build system may push, and verify \
                            signatures (`verifyImages`).",
                        )
                        .evidence(evidence)
                        .at(policy.span, "the policy"),
                    );
                }
                None if is_wild && open.is_empty() && cx.platform.overlay.trusted_registries.is_empty() => {
                    let needs = [format!(
                        "registries.open or registries.trusted (who may push to {})",
                        admitted.value
                    )];
                    out.cannot_judge(format!("policy {}", policy.name), needs, None);
                }
                None => {}
            }
        }
    }
}

/// Whether an image comes from one of the places.
fn is_from(image: &str, places: &[&Fact<String>]) -> bool {
    places.iter().any(|place| {
        let text = place.value.as_str();
        let glob = glob::of_texts(text).is_ok_and(|glob| glob.is_match(image));
        glob || image.starts_with(prefix(text))
    })
}

fn outside(cx: &Context<'_>, out: &mut Verdicts) {
    let stated: Vec<&Fact<String>> = cx.platform.overlay.trusted_registries.iter().collect();
    let admitted: Vec<&Fact<String>> = cx
        .env
        .admission_policies
        .iter()
        .flat_map(|p| &p.allowed_images)
        .collect();
    let places = if stated.is_empty() { admitted } else { stated };
    if places.is_empty() {
        return;
    }
    // One finding for each place that images come from, however many images come from there.
    let mut by_place: BTreeMap<String, Vec<&Image>> = BTreeMap::new();
    let containers = cx
        .env
        .workloads
        .iter()
        .flat_map(|w| w.containers.iter().chain(&w.init_containers).map(move |c| (w, c)));
    let images = containers
        .filter_map(|(workload, container)| Some((workload, container.image.as_ref()?)))
        .filter(|(workload, image)| !is_stand_in(cx, workload, image))
        .map(|(_, image)| image);
    let set = cx.env.set_images.iter();
    for image in images.chain(set) {
        if !is_from(&image.text.value, &places) {
            by_place.entry(place_of(image)).or_default().push(image);
        }
    }
    for (place, images) in by_place {
        let mut names: Vec<&str> = images
            .iter()
            .map(|i| i.repository.rsplit('/').next().unwrap_or_default())
            .collect();
        names.sort_unstable();
        names.dedup();
        let mut evidence = Evidence::new();
        for image in images.iter().take(4) {
            evidence.note(&image.text, "from elsewhere");
        }
        if let Some(first) = places.first() {
            evidence.note(first, "trusted");
        }
        out.report(
            Finding::new(
                Subject::named("images from", &place),
                format!(
                    "{} from {place} come from outside the trusted registries ({})",
                    count(names.len() as u64, "image"),
                    names.join(", ")
                ),
            )
            .severity(Severity::Medium)
            .explain(
                "If a policy enforces the trusted registries, the pod is refused. Otherwise an image \
                that nobody here built or checked runs beside the data.",
            )
            .remedy(
                "Copy the images into a trusted registry, scan and sign them there, and use those copies.",
            )
            .figure("images", names.len() as f64, "images")
            .evidence(evidence),
        );
    }
}

/// Registry and path of an image without its last part.
fn place_of(image: &Image) -> String {
    let path = image.repository.rsplit_once('/').map(|(path, _)| path);
    match (&image.registry, path) {
        (Some(registry), Some(path)) => format!("{registry}/{path}"),
        (Some(registry), None) => registry.clone(),
        (None, Some(path)) => format!("{path} (the runtime's default registry)"),
        (None, None) => "the runtime's default registry".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::pods;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::Platform;
    use cofferdam_model::images::{AdmissionPolicy, Image};

    fn run(open: &[&str], image: &str) -> Verdicts {
        let mut env = pods::testing::env((1, 1, 1), |w| {
            w.containers[0].image = Some(Image {
                text: fact(image.to_owned(), 9),
                registry: None,
                repository: image.to_owned(),
                tag: None,
                digest: None,
            });
        });
        env.admission_policies.push(AdmissionPolicy {
            name: "registries".to_owned(),
            span: span(20),
            enforced: None,
            allowed_images: vec![
                fact("cr.example.net/core/".to_owned(), 21),
                fact("cr.example.net/anyone/*".to_owned(), 22),
            ],
            verifies_signatures: None,
            verified_images: Vec::new(),
            message: None,
        });
        let mut platform = Platform::default();
        platform.overlay.open_registries = open.iter().map(|o| fact((*o).to_owned(), 23)).collect();
        testing::verdicts_in(&RULE, &env, &platform)
    }

    #[test]
    fn a_public_path_is_reported_and_an_unknown_path_is_asked_for() {
        let told = run(&["cr.example.net/anyone"], "cr.example.net/core/api:1");
        assert_eq!(told.findings.len(), 1);
        assert!(told.findings[0].title.contains("cr.example.net/anyone/*"));
        let asked = run(&[], "cr.example.net/core/api:1");
        assert!(asked.findings.is_empty() && !asked.unjudged.is_empty());
    }

    #[test]
    fn an_image_from_another_registry_is_reported_once() {
        let out = run(&["cr.example.net/nothing"], "docker.io/library/redis:7");
        assert_eq!(out.findings.len(), 1);
        assert_eq!(out.findings[0].severity, Some(Severity::Medium));
    }
}
