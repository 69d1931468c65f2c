//! Two files contradict each other about one subject: one of them is wrong, and nobody knows which.

use super::secret_in_environment::join;
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::delivery::Description;
use cofferdam_model::scaling::Autoscaler;
use cofferdam_model::scope::Meeting;
use cofferdam_model::settings::LostClaim;
use cofferdam_model::{DeploymentKind, Span};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("description-conflict"),
    group: Group::Delivery,
    severity: Severity::Medium,
    fix: Fix::Advice,
    summary: Cow::Borrowed("two descriptions of one service, topic, limit or probe disagree"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/description-conflict.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let mut by_subject: BTreeMap<&str, Vec<&Description>> = BTreeMap::new();
    for description in cx.env.descriptions.iter().filter(|d| cx.is_made(d.deployment)) {
        by_subject
            .entry(&description.subject)
            .or_default()
            .push(description);
    }
    let mut reported: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (subject, all) in by_subject {
        let namespaces: BTreeSet<&str> = all.iter().filter_map(|d| d.namespace.as_deref()).collect();
        let several = namespaces.len() > 1;
        let mut groups: Vec<Option<&str>> = namespaces.into_iter().map(Some).collect();
        if groups.is_empty() {
            groups.push(None);
        }
        for namespace in groups {
            // A description without a namespace applies to every namespace.
            let here = all.iter().filter(|d| {
                namespace.is_none() || d.namespace.is_none() || d.namespace.as_deref() == namespace
            });
            let conflicts = conflicts(cx, here.copied());
            reported.extend(conflicts.iter().map(|(attribute, _)| (subject, *attribute)));
            let subject = match namespace.filter(|_| several) {
                Some(namespace) => format!("{subject} in {namespace}"),
                None => subject.to_owned(),
            };
            match rivals(cx, &conflicts) {
                Some(rivals) => report_rivals(cx, &rivals, out),
                None if !conflicts.is_empty() => report(cx, &subject, &conflicts, out),
                None => {}
            }
        }
    }
    lost(cx, &reported, out);
}

/// An attribute, and one description for each of its values.
type Conflict<'a> = (&'a str, Vec<&'a Description>);

fn conflicts<'a>(cx: &Context<'a>, all: impl Iterator<Item = &'a Description>) -> Vec<Conflict<'a>> {
    let mut attributes: BTreeMap<&str, Vec<&Description>> = BTreeMap::new();
    for description in all {
        attributes
            .entry(&description.attribute)
            .or_default()
            .push(description);
    }
    let of_formats = |(attribute, all): (&&'a str, &Vec<&'a Description>)| Some((*attribute, sides(all)?));
    let mut found: Vec<Conflict<'_>> = attributes.iter().filter_map(of_formats).collect();
    let one_format: Vec<Conflict<'_>> = attributes
        .iter()
        .filter(|(attribute, _)| !found.iter().any(|(known, _)| known == *attribute))
        .filter_map(|(attribute, all)| Some((*attribute, two_of_one_format(cx, all)?)))
        .collect();
    // Services that run side by side on purpose differ in their size. If nothing shows that both are in one
    // place, they must differ in more than size to be reported.
    let surely = |(_, sides): &Conflict<'_>| sides.windows(2).all(|pair| is_one_place(cx, pair[0], pair[1]));
    if one_format
        .iter()
        .any(|conflict| surely(conflict) || !is_size(conflict.0))
    {
        found.extend(one_format);
    }
    found.sort_by_key(|(attribute, _)| *attribute);
    found
}

/// Attributes in which copies of one service differ on purpose.
fn is_size(attribute: &str) -> bool {
    attribute.ends_with("replicas")
        || attribute.starts_with("cpu ")
        || attribute.starts_with("memory ")
        || attribute == "image tag"
}

/// Whether both certainly describe the same object: in one known namespace, or side by side in one directory.
/// A file outside any deployment describes one project.
fn is_one_place(cx: &Context<'_>, a: &Description, b: &Description) -> bool {
    let directory = |d: &Description| {
        Some(
            cx.platform
                .sources
                .path(d.value.span()?.file)
                .parent()?
                .to_owned(),
        )
    };
    match (a.deployment, b.deployment) {
        (None, None) => true,
        _ => {
            let same = a.home().meets(b.home()) == Meeting::Same;
            same && (a.namespace.is_some() || directory(a) == directory(b))
        }
    }
}

fn values<'a>(all: &[&'a Description]) -> Vec<&'a Description> {
    let mut values: Vec<&Description> = Vec::new();
    for description in all {
        if !values.iter().any(|v| v.value.value == description.value.value) {
            values.push(description);
        }
    }
    values
}

/// One description for each value, if formats disagree.
fn sides<'a>(all: &[&'a Description]) -> Option<Vec<&'a Description>> {
    let values = values(all);
    let formats: BTreeSet<&str> = all.iter().map(|d| d.by.as_str()).collect();
    // If two formats share one value, they agree on it.
    let agreed = formats.iter().all(|format| {
        all.iter().filter(|d| d.by == *format).any(|d| {
            all.iter()
                .any(|o| o.by != *format && o.value.value == d.value.value)
        })
    });
    (values.len() > 1 && formats.len() > 1 && !agreed).then_some(values)
}

/// Formats of which one file describes one project, whatever builds it.
const OF_A_PROJECT: &str = "Grand Central";

/// One description for each value, if two files of one format and of equal rank disagree. (Of a base and its
/// overlay only the overlay's value is left here.)
fn two_of_one_format<'a>(cx: &Context<'a>, all: &[&'a Description]) -> Option<Vec<&'a Description>> {
    let file = |d: &Description| d.value.span().map(|s| s.file);
    let values = values(all);
    let plain = |d: &Description| {
        let deployment = d
            .deployment
            .map(|id| cx.platform.scope.deployments.get(id.0 as usize));
        match deployment {
            None => d.by == OF_A_PROJECT,
            Some(deployment) => deployment.is_some_and(|d| d.kind == DeploymentKind::Manifests),
        }
    };
    let contradict = |a: &Description, b: &Description| {
        let one_place = a.deployment.is_some() && is_one_place(cx, a, b);
        a.by == b.by
            && file(a) != file(b)
            && (one_place || plain(a) && plain(b) && a.home().may_meet(b.home()))
    };
    let all_contradict = values.windows(2).all(|pair| contradict(pair[0], pair[1]));
    (values.len() > 1 && all_contradict).then_some(values)
}

/// The source of a description, for a sentence: the format, or the file if both have one format.
fn who(cx: &Context<'_>, sides: &[&Description], side: &Description) -> String {
    match side.value.span() {
        Some(span) if sides.iter().all(|d| d.by == side.by) => {
            cx.platform.sources.path(span.file).display().to_string()
        }
        _ => side.by.clone(),
    }
}

/// The autoscalers of one workload, if a conflict is between what they say.
fn rivals<'a>(cx: &Context<'a>, conflicts: &[Conflict<'_>]) -> Option<Vec<&'a Autoscaler>> {
    let (_, sides) = conflicts.first()?;
    let says = |autoscaler: &Autoscaler, side: &Description| {
        let facts = [&autoscaler.min, &autoscaler.max];
        let mut spans = facts.into_iter().flatten().filter_map(|fact| fact.span());
        spans.any(|span| Some(span) == side.value.span())
    };
    let of = |side: &&Description| {
        cx.env
            .autoscalers
            .iter()
            .find(|autoscaler| says(autoscaler, side))
    };
    let found: Option<Vec<&Autoscaler>> = sides.iter().map(of).collect();
    // What another format says of the same autoscaler is a description of it, and no second one.
    let of_cluster = |all: &Vec<&Autoscaler>| all.iter().all(|a| a.target.is_some());
    let found = found.filter(|all| all.len() > 1 && of_cluster(all))?;
    let names: BTreeSet<&str> = found.iter().map(|a| a.name.as_str()).collect();
    if names.len() < found.len() {
        return None;
    }
    let workload = found.first()?.workload?;
    (found
        .iter()
        .all(|autoscaler| autoscaler.workload == Some(workload)))
    .then_some(found)
}

/// Reports that several autoscalers act on one workload, and the workload that one of them was likely meant for.
fn report_rivals(cx: &Context<'_>, rivals: &[&Autoscaler], out: &mut Verdicts) {
    let Some(target) = rivals[0].workload else { return };
    let workload = &cx.env.workloads[target.0];
    let names: Vec<String> = rivals.iter().map(|a| format!("`{}`", a.name)).collect();
    // The one with the name of another workload, on which no autoscaler acts.
    let meant = rivals.iter().find_map(|autoscaler| {
        let mut others = cx.env.workloads.iter().enumerate();
        let (at, other) = others.find(|(at, other)| {
            *at != target.0
                && other.id.name == autoscaler.name
                && other.id.kind == workload.id.kind
                && other.id.namespace == workload.id.namespace
        })?;
        let has_one = cx
            .env
            .autoscalers
            .iter()
            .any(|a| a.workload.is_some_and(|id| id.0 == at));
        (!has_one).then_some((autoscaler, other))
    });
    let (explanation, remedy) = match meant {
        Some((autoscaler, other)) => (
            format!(
                "Each of them undoes what the other sets. {} has no autoscaler, and `{}` has its name.",
                other.id, autoscaler.name
            ),
            format!(
                "Let the autoscaler `{}` name {} as its target.",
                autoscaler.name, other.id
            ),
        ),
        None => (
            "Each of them undoes what the other sets.".to_owned(),
            "Keep one of them, with the metrics of both.".to_owned(),
        ),
    };
    let mut finding = Finding::new(
        &workload.id,
        format!(
            "{}: {} autoscalers act on it: {}",
            workload.id,
            rivals.len(),
            join(&names)
        ),
    )
    .cause("several autoscalers")
    .explain(explanation)
    .remedy(remedy)
    .figure("autoscalers", rivals.len() as f64, "autoscalers");
    for autoscaler in rivals {
        finding = finding.at(autoscaler.span, format!("the autoscaler {}", autoscaler.name));
    }
    out.report(finding.likely());
}

fn report(cx: &Context<'_>, subject: &str, conflicts: &[Conflict<'_>], out: &mut Verdicts) {
    let words: Vec<String> = conflicts
        .iter()
        .map(|(attribute, sides)| {
            let each: Vec<String> = sides
                .iter()
                .map(|d| format!("{} ({})", d.value.value, who(cx, sides, d)))
                .collect();
            format!("{attribute} {}", each.join(" against "))
        })
        .collect();
    let title = match words.as_slice() {
        [one] => format!("{subject}: {one}"),
        [first, rest @ ..] => format!("{subject}: {first}, and {} more that disagree", rest.len()),
        [] => return,
    };
    let mut finding = Finding::new(subject, title)
        .explain(format!(
            "{}. Only one of them runs. Someone who reads the other sizes limits, alerts and capacity for a \
             service that does not exist, and the next deploy may apply it.",
            words.join("; ")
        ))
        .remedy("Decide which one is right, and generate the other from it or remove it.")
        .figure("conflicts", conflicts.len() as f64, "attributes");
    for (attribute, sides) in conflicts.iter().take(3) {
        for side in sides {
            if let Some(span) = side.value.span() {
                finding = finding.at(span, format!("{attribute} {}", side.value.value));
            }
        }
    }
    // Only their names show that both describe one thing.
    out.report(finding.likely());
}

/// Things that two files describe together under one name. Settings of a program (pools, consumers) are
/// merged in ways that only the program knows.
const DESCRIBED: [&str; 4] = ["service ", "delivery of ", "topic ", "cell "];

/// Claims of one file that were overridden by another file of equal rank.
fn lost<'a>(cx: &Context<'a>, reported: &BTreeSet<(&'a str, &'a str)>, out: &mut Verdicts) {
    let mut by_subject: BTreeMap<&str, Vec<&LostClaim>> = BTreeMap::new();
    for claim in &cx.env.lost_claims {
        let is_known = reported.contains(&(claim.subject.as_str(), claim.attribute));
        if !is_known && DESCRIBED.iter().any(|word| claim.subject.starts_with(word)) {
            by_subject.entry(&claim.subject).or_default().push(claim);
        }
    }
    for (subject, claims) in by_subject {
        let mut attributes: Vec<&str> = claims.iter().map(|c| c.attribute).collect();
        attributes.sort_unstable();
        attributes.dedup();
        let attributes: Vec<String> = attributes.iter().map(|a| a.replace('_', " ")).collect();
        let path = |span: Span| cx.platform.sources.path(span.file).display().to_string();
        let first = claims[0];
        let mut finding = Finding::new(
            subject,
            format!(
                "{subject}: {} and {} give different values for its {}",
                path(first.lost),
                path(first.kept),
                join(&attributes)
            ),
        )
        .cause("overridden")
        .severity(Severity::Low)
        .explain(
            "Both apply to the same environments, so one of them is not what runs. This check uses the \
            file that comes last; the tool that deploys may use the other.",
        )
        .remedy("Decide which one is right, and remove the other.")
        .figure("conflicts", attributes.len() as f64, "attributes")
        .likely();
        for claim in claims.iter().take(3) {
            finding = finding
                .at(claim.kept, "this check uses this value")
                .at(claim.lost, "overridden");
        }
        out.report(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};
    use cofferdam_model::{
        Deployment, DeploymentId, Environment, Fact, FileId, Parts, Platform, ProjectId, SourceFile,
    };

    fn env(all: &[(&str, &str, &str)]) -> Environment {
        let descriptions = all
            .iter()
            .enumerate()
            .map(|(i, (attribute, value, by))| Description {
                subject: "service api".to_owned(),
                attribute: (*attribute).to_owned(),
                value: fact((*value).to_owned(), i),
                by: (*by).to_owned(),
                namespace: None,
                deployment: None,
            })
            .collect();
        Environment {
            parts: Parts {
                descriptions,
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn formats_that_disagree_are_shown_side_by_side() {
        let finding = testing::only(
            &RULE,
            &env(&[
                ("max replicas", "50", "Grand Central"),
                ("max replicas", "20", "HorizontalPodAutoscaler"),
            ]),
        );
        assert!(
            finding
                .title
                .contains("50 (Grand Central) against 20 (HorizontalPodAutoscaler)")
        );
        assert_eq!(finding.locations.len(), 2);
    }

    #[test]
    fn a_base_that_nothing_deploys_contradicts_nothing() {
        let mut env = env(&[
            ("max replicas", "50", "Deployment"),
            ("max replicas", "20", "HorizontalPodAutoscaler"),
        ]);
        let deployment = || Deployment {
            project: ProjectId(0),
            kind: DeploymentKind::Kustomize,
            root: "k8s".into(),
            name: None,
            environment: None,
            cluster: None,
            objects: 1,
            kept_replicas: Vec::new(),
        };
        for (at, description) in env.descriptions.iter_mut().enumerate() {
            description.deployment = Some(DeploymentId(u32::try_from(at).unwrap()));
        }
        let mut platform = Platform::default();
        platform.scope.deployments = vec![deployment(), deployment()].into();
        let found = |platform: &Platform| testing::verdicts_in(&RULE, &env, platform).findings.len();
        assert_eq!(found(&platform), 1);
        platform.scope.by_default = [DeploymentId(1)].into();
        assert_eq!(found(&platform), 0);
        // Where nothing here is seen to make any, each counts.
        platform.scope.by_default = [DeploymentId(0), DeploymentId(1)].into();
        assert_eq!(found(&platform), 1);
    }

    /// A statement of a file about a service: the attribute, its value, the file, and the place in it.
    type Said<'a> = (&'a str, &'a str, u32, Option<&'a str>, Option<u32>);

    fn of_files(all: &[Said<'_>]) -> Vec<Finding> {
        let described = |(attribute, value, file, namespace, deployment): &Said<'_>| Description {
            subject: "service api".to_owned(),
            attribute: (*attribute).to_owned(),
            value: Fact::declared((*value).to_owned(), Span::new(FileId(*file), 0, 1)),
            by: if deployment.is_some() {
                "Deployment"
            } else {
                OF_A_PROJECT
            }
            .to_owned(),
            namespace: namespace.map(str::to_owned),
            deployment: deployment.map(DeploymentId),
        };
        let mut platform = Platform::default();
        for name in ["a/x.yaml", "b/x.yaml", "b/y.yaml"] {
            platform
                .sources
                .add(SourceFile::new(name.into(), "replicas: 1\n"));
        }
        for kind in [
            DeploymentKind::Manifests,
            DeploymentKind::Manifests,
            DeploymentKind::Kustomize,
            DeploymentKind::Kustomize,
        ] {
            platform.scope.deployments.push(Deployment {
                project: ProjectId(0),
                kind,
                root: "".into(),
                name: None,
                environment: None,
                cluster: None,
                objects: 1,
                kept_replicas: Vec::new(),
            });
        }
        let env = Environment {
            parts: Parts {
                descriptions: all.iter().map(described).collect(),
                ..Parts::default()
            },
            ..Environment::default()
        };
        testing::verdicts_in(&RULE, &env, &platform).findings
    }

    #[test]
    fn two_files_of_a_project_contradict_each_other() {
        let found = of_files(&[
            ("max replicas", "40", 0, None, None),
            ("max replicas", "9", 1, None, None),
        ]);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].title,
            "service api: max replicas 40 (a/x.yaml) against 9 (b/x.yaml)"
        );
        assert!(
            of_files(&[
                ("max replicas", "40", 0, None, None),
                ("max replicas", "40", 1, None, None),
            ])
            .is_empty()
        );
    }

    #[test]
    fn two_directories_of_manifests_contradict_each_other_in_more_than_their_size() {
        let replicas = |namespace, first, second| {
            [
                ("replicas", "2", 0, namespace, Some(first)),
                ("replicas", "5", 1, namespace, Some(second)),
            ]
        };
        let port = |first, second| {
            [
                ("liveness port", "8080", 0, None, Some(first)),
                ("liveness port", "9090", 1, None, Some(second)),
            ]
        };
        assert!(of_files(&replicas(None, 0, 1)).is_empty());
        assert_eq!(of_files(&[replicas(None, 0, 1), port(0, 1)].concat()).len(), 1);
        // Overlays of one base are different if different tools deploy them.
        assert!(of_files(&[replicas(None, 2, 3), port(2, 3)].concat()).is_empty());
        // One project of manifests may have a directory for each site; in one directory, they are one object.
        assert!(of_files(&replicas(None, 0, 0)).is_empty());
        let mut beside = replicas(None, 0, 0);
        beside[0].2 = 2;
        assert_eq!(of_files(&beside).len(), 1);
        // In one namespace they are one object.
        assert_eq!(of_files(&replicas(Some("shop"), 2, 3)).len(), 1);
    }

    #[test]
    fn one_name_in_two_namespaces_is_two_services() {
        let found = of_files(&[
            ("liveness port", "8080", 0, Some("shop"), Some(0)),
            ("liveness port", "9090", 1, Some("jobs"), Some(1)),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn an_overridden_claim_is_reported_once() {
        let claim = |subject: &str, attribute| LostClaim {
            subject: subject.to_owned(),
            attribute,
            kept: testing::span(1),
            lost: testing::span(3),
        };
        let env = Environment {
            parts: Parts {
                lost_claims: vec![
                    claim("delivery of api", "deploy windows"),
                    // Only the program knows how it merges its settings.
                    claim("pool of services/api", "size"),
                ],
                ..Parts::default()
            },
            ..Environment::default()
        };
        let mut platform = Platform::default();
        platform
            .sources
            .add(SourceFile::new("a.yaml".into(), "windows: []\n"));
        let found = testing::verdicts_in(&RULE, &env, &platform).findings;
        assert_eq!(found.len(), 1);
        assert!(found[0].title.contains("deploy windows"));
    }

    #[test]
    fn formats_that_agree_and_a_single_format_are_silent() {
        assert!(
            testing::all(
                &RULE,
                &env(&[("max replicas", "50", "A"), ("max replicas", "50", "B")])
            )
            .is_empty()
        );
        assert!(
            testing::all(
                &RULE,
                &env(&[("max replicas", "50", "A"), ("max replicas", "20", "A")])
            )
            .is_empty()
        );
    }
}
