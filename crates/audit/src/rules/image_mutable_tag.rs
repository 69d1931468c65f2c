//! A tag can be moved to another image; a digest cannot.

use super::image_pull_stale::{Stale, is_judged};
use super::images::{is_moving, is_set_elsewhere, is_stand_in, is_variable};
use crate::finding::{Cause, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Span;
use cofferdam_model::images::Image;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("image-mutable-tag"),
    group: Group::Images,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("an image is named by a tag, which can be moved, not by a digest"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/image-mutable-tag.md")),
    check: Check::BuiltIn(check),
};

/// How many places a finding shows; the others are only named.
const SHOWN: usize = 4;

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let mut by_name: BTreeMap<&str, Vec<&Image>> = BTreeMap::new();
    for workload in &cx.env.workloads {
        let containers = workload.containers.iter().chain(&workload.init_containers);
        // image-pull-stale says more of the same container.
        let reported = is_judged(workload);
        let judged = containers
            .filter(|c| !(is_set_elsewhere(cx.env, workload, c) || reported && Stale::of(c).is_some()));
        for image in judged.filter_map(|c| c.image.as_ref()) {
            let is_named = !image.repository.is_empty() && !is_stand_in(cx, workload, image);
            if image.digest.is_none() && is_named {
                by_name.entry(&image.text.value).or_default().push(image);
            }
        }
    }
    for image in &cx.env.set_images {
        if image.digest.is_none() && !is_variable(image) {
            by_name.entry(&image.text.value).or_default().push(image);
        }
    }
    let scope = &cx.platform.scope;
    for (name, mut images) in by_name {
        // First what is written for this environment, then what only holds by default.
        images.sort_by_cached_key(|image| {
            let span = image.tag.as_ref().unwrap_or(&image.text).span();
            let is_named = |span: Span| !scope.is_unnamed(std::iter::once(span), &cx.env.name);
            (
                span.is_some_and(|s| scope.is_default(s)),
                !span.is_some_and(is_named),
            )
        });
        let tag = images[0].tag.as_ref().map(|t| t.value.as_str());
        let moving = tag.is_none_or(is_moving);
        let what = match tag {
            None => "has no tag, which means `latest`".to_owned(),
            Some(tag) if moving => format!("has the tag `{tag}`, which is intended to move"),
            Some(_) => "is named by a tag, not by a digest".to_owned(),
        };
        // A fixed tag is another one with each release of the same image.
        let untagged = tag.and_then(|tag| name.strip_suffix(tag)?.strip_suffix(':'));
        let subject = Subject::shown_as("image", untagged.unwrap_or(name), &format!("image {name}"));
        let mut finding = Finding::new(subject, format!("{name} {what}"))
            .cause(match tag {
                Some(tag) if moving => Cause::from(("moving tag", tag)),
                Some(_) => Cause::from("fixed tag"),
                None => Cause::from("no tag"),
            })
            .severity(if moving { Severity::Medium } else { Severity::Low })
            .explain(if moving {
                "Pods of one deployment may run different images, depending on when their node pulled. A \
                 restart can start a version that nobody rolled out, and a rollback uses the same tag again."
            } else {
                "Anyone who may push to the registry may replace the image behind the tag; nodes then run \
                 different images under one name."
            })
            .remedy("Name the image by digest, `NAME:TAG@sha256:…`, and let a tool (Renovate, kustomize `images`) keep it up to date.")
            .figure("containers", images.len() as f64, "containers")
            .each();
        for span in images
            .iter()
            .filter_map(|image| image.tag.as_ref().unwrap_or(&image.text).span())
        {
            if finding.locations.len() < SHOWN {
                finding = finding.at(span, "");
            } else if !finding.locations.iter().any(|l| l.span == span) && !finding.also_at.contains(&span) {
                finding.also_at.push(span);
            }
        }
        out.report(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::pods;
    use crate::rules::testing::{self, fact};

    fn severity(tag: Option<&str>, digest: bool) -> Option<Severity> {
        let env = pods::testing::env((1, 1, 1), |w| {
            w.containers[0].image = Some(Image {
                text: fact("registry.example.net/api".to_owned(), 9),
                registry: Some("registry.example.net".to_owned()),
                repository: "api".to_owned(),
                tag: tag.map(|t| fact(t.to_owned(), 10)),
                digest: digest.then(|| fact("sha256:00".to_owned(), 11)),
            });
        });
        testing::all(&RULE, &env).first().and_then(|f| f.severity)
    }

    #[test]
    fn an_image_that_an_application_sets_is_judged_as_one_that_runs() {
        let mut env = pods::testing::env((1, 1, 1), |w| w.containers[0].image = None);
        let set = |digest: bool| Image {
            text: fact("r.io/web:latest".to_owned(), 9),
            registry: Some("r.io".to_owned()),
            repository: "web".to_owned(),
            tag: Some(fact("latest".to_owned(), 9)),
            digest: digest.then(|| fact("sha256:00".to_owned(), 9)),
        };
        env.set_images.push(set(true));
        assert!(testing::all(&RULE, &env).is_empty());
        env.set_images.push(set(false));
        assert!(testing::only(&RULE, &env).title.contains("the tag `latest`"));
        env.set_images[1].text.value = "r.io/web:${web_tag:=latest}".to_owned();
        assert!(testing::all(&RULE, &env).is_empty());
    }

    #[test]
    fn a_variable_that_is_not_known_may_be_a_digest() {
        let found = |text: &str, tag: &str| {
            let env = pods::testing::env((1, 1, 1), |w| {
                w.containers[0].image = Some(Image {
                    text: fact(text.to_owned(), 9),
                    registry: Some("r.io".to_owned()),
                    repository: "web".to_owned(),
                    tag: Some(fact(tag.to_owned(), 10)),
                    digest: None,
                });
            });
            testing::all(&RULE, &env).len()
        };
        assert_eq!(found("r.io/web:${web_tag:=1.0.0}", "=1.0.0}"), 0);
        assert_eq!(found("r.io/web:$(TAG)", "$(TAG)"), 0);
        assert_eq!(found("r.io/web:1.0.0", "1.0.0"), 1);
    }

    #[test]
    fn a_bare_name_in_a_base_that_nothing_uses_stands_in_for_another() {
        let judged = |registry: Option<&str>, repository: &str, tag: Option<&str>, is_unused: bool| {
            let env = pods::testing::env((1, 1, 1), |w| {
                w.id.deployment = Some(cofferdam_model::DeploymentId(0));
                w.containers[0].image = Some(Image {
                    text: fact(repository.to_owned(), 9),
                    registry: registry.map(str::to_owned),
                    repository: repository.to_owned(),
                    tag: tag.map(|t| fact(t.to_owned(), 10)),
                    digest: None,
                });
            });
            let mut platform = cofferdam_model::Platform {
                environments: vec![env],
                ..cofferdam_model::Platform::default()
            };
            platform.scope.deployments.push(cofferdam_model::Deployment {
                project: cofferdam_model::ProjectId(0),
                kind: cofferdam_model::DeploymentKind::Kustomize,
                root: "base".into(),
                name: None,
                environment: None,
                cluster: None,
                objects: 1,
                kept_replicas: Vec::new(),
            });
            if is_unused {
                platform.scope.by_default.insert(cofferdam_model::DeploymentId(0));
            }
            testing::verdicts_in(&RULE, &platform.environments[0], &platform)
                .findings
                .len()
        };
        for (registry, repository, tag, found) in [
            (None, "etcd-shield", Some("latest"), 0),
            (None, "controller", None, 0),
            (None, "app", Some("placeholder"), 0),
            (None, "redis", Some("7.2"), 1),
            (None, "team/app", Some("latest"), 1),
            (Some("r.io"), "app", Some("latest"), 1),
        ] {
            assert_eq!(judged(registry, repository, tag, true), found, "{repository}");
            assert_eq!(judged(registry, repository, tag, false), 1, "{repository}");
        }
    }

    #[test]
    fn a_moving_tag_is_worse_than_a_version_and_a_digest_is_silent() {
        assert_eq!(severity(None, false), Some(Severity::Medium));
        assert_eq!(severity(Some("latest"), false), Some(Severity::Medium));
        assert_eq!(severity(Some("1.4.2"), false), Some(Severity::Low));
        assert_eq!(severity(Some("latest"), true), None);
    }
}
