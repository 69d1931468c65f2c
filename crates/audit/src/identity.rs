//! Gives findings their fingerprints: what stays the same as long as a finding exists, so that programs can tell a new finding from a known one.
//!
//! A fingerprint is computed from the rule, the project, the subject and the cause. It is not computed from the title, the
//! figures, lines, or the order of files: an edit that moves a line or changes a number changes no fingerprint.
//!
//! Environments: a finding that holds in production, or in an environment that has no stage, has the same fingerprint however
//! many environments are added. One that holds only in stages before production has the stage nearest to production in it:
//! a finding that was known in staging is a new one when it reaches production.

use crate::finding::{Cause, Finding, Fingerprint, RuleId, Subject};
use crate::rules::common::is_production_like;
use cofferdam_model::{Platform, ProjectId};
use cofferdam_syntax::environment;
use cofferdam_syntax::hash::{HashMap, HashSet};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// Shows the namespaces of subjects that would look the same without them. What is in another project, or in a separate place,
/// changes no text of the platform.
pub(crate) fn show_namespaces(findings: &mut [Finding]) {
    let mut alike: HashMap<(RuleId, ProjectId, bool, String), Vec<usize>> = HashMap::default();
    for (at, finding) in findings.iter().enumerate() {
        if finding.subject.hides_namespace() {
            let shown = finding.subject.as_str().to_owned();
            let key = (
                finding.rule.clone(),
                finding.project,
                finding.apart.is_some(),
                shown,
            );
            alike.entry(key).or_default().push(at);
        }
    }
    for all in alike.into_values() {
        let first = findings[all[0]].subject.clone();
        if all.iter().all(|at| findings[*at].subject == first) {
            continue;
        }
        for at in all {
            let finding = &mut findings[at];
            let Some(namespace) = finding.subject.namespace() else {
                continue;
            };
            finding.title = format!("{} (in {namespace})", finding.title);
            let shown = finding.subject.with_namespace();
            if let [only] = finding.subjects.as_mut_slice() {
                *only = shown.clone();
            }
            finding.subject = shown;
        }
    }
}

/// Gives every finding of a report its fingerprint. No two have the same.
pub(crate) fn assign(findings: &mut [Finding], platform: &Platform) {
    findings
        .par_iter_mut()
        .for_each(|finding| finding.fingerprint = of(finding, platform, &[]));
    let mut seen = HashSet::with_capacity_and_hasher(findings.len(), Default::default());
    let again = findings
        .iter()
        .map(|finding| finding.fingerprint)
        .filter(|one| !seen.insert(*one));
    let mut twins: HashMap<Fingerprint, Vec<usize>> = again.map(|one| (one, Vec::new())).collect();
    if twins.is_empty() {
        return;
    }
    for (at, finding) in findings.iter().enumerate() {
        if let Some(twins) = twins.get_mut(&finding.fingerprint) {
            twins.push(at);
        }
    }
    for mut twins in twins.into_values() {
        tell_apart(&mut twins, findings, platform);
    }
}

/// Two objects have one name in one environment: their files tell them apart, and if that is not enough their order.
fn tell_apart(twins: &mut [usize], findings: &mut [Finding], platform: &Platform) {
    let path = |finding: &Finding| {
        let first = finding.locations.first();
        first.map(|l| platform.sources.path(l.span.file).display().to_string())
    };
    // The one of the platform itself keeps its fingerprint when an example of it is added.
    twins.sort_by_cached_key(|at| (findings[*at].apart.is_some(), path(&findings[*at]), *at));
    let mut before = None;
    let mut number = 0_u32;
    for (at, index) in twins.iter().enumerate() {
        let path = path(&findings[*index]).unwrap_or_default();
        number = if before.as_ref() == Some(&path) {
            number + 1
        } else {
            0
        };
        if at > 0 {
            let more = [path.as_str(), &number.to_string()];
            findings[*index].fingerprint = of(&findings[*index], platform, &more);
        }
        before = Some(path);
    }
}

fn of(finding: &Finding, platform: &Platform, more: &[&str]) -> Fingerprint {
    let own = (&finding.subject, &finding.cause);
    let (subject, cause): (&Subject, &Cause) = match &finding.first {
        Some(first) => (&first.subject, &first.cause),
        None => own,
    };
    let project = platform.scope.projects.get(finding.project.0 as usize);
    let root = project.map_or_else(Default::default, |project| project.root.to_string_lossy());
    let mut hash = Sha256::new();
    let mut add = |text: Option<&str>| {
        // The length tells where a text ends; an unknown one differs from an empty one.
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        hash.update(length.to_le_bytes());
        hash.update(text.unwrap_or_default());
    };
    let parts = [
        Some(finding.rule.as_str()),
        Some(&*root),
        Some(subject.kind()),
        subject.bare_namespace(),
        Some(subject.bare_name()),
        Some(cause.what()),
        cause.of(),
        stage(finding),
    ];
    parts.into_iter().for_each(&mut add);
    more.iter().for_each(|text| add(Some(text)));
    let digest = hash.finalize();
    let (first, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
    Fingerprint::new(u64::from_be_bytes(*first))
}

/// The environment nearest to production, if all are stages before it.
fn stage(finding: &Finding) -> Option<&str> {
    let elsewhere = finding.elsewhere.iter().map(|(_, name)| name);
    let mut nearest: Option<&str> = None;
    for name in finding.environments.iter().chain(elsewhere) {
        if !environment::is_before_production(name) {
            return None;
        }
        let rank = |name: &str| (is_production_like(name), std::cmp::Reverse(name.to_owned()));
        if nearest.is_none_or(|known| rank(name) > rank(known)) {
            nearest = Some(name);
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::{FileId, Project, SourceFile, Span};

    fn platform(roots: &[&str]) -> Platform {
        let mut platform = Platform::default();
        for path in ["a.yaml", "b.yaml"] {
            platform
                .sources
                .add(SourceFile::new(path.into(), "a: 1\nb: 2\nc: 3\n"));
        }
        platform.scope.projects = (roots.iter())
            .map(|root| Project {
                root: root.into(),
                apart: None,
            })
            .collect();
        platform
    }

    fn found(environments: &[&str], file: u32, at: usize) -> Finding {
        let mut finding = Finding::new(Subject::named("Deployment", "web"), "Deployment web: one replica")
            .at(Span::new(FileId(file), at, at + 1), "");
        finding.rule = RuleId::new("single-replica");
        finding.environments = environments.iter().map(|name| (*name).to_owned()).collect();
        finding
    }

    fn fingerprint(finding: Finding) -> Fingerprint {
        let mut all = [finding];
        assign(&mut all, &platform(&[""]));
        all[0].fingerprint
    }

    #[test]
    fn a_fingerprint_is_the_same_on_every_machine_and_in_every_release() {
        let finding = found(&["production"], 0, 0);
        assert_eq!(fingerprint(finding).to_string(), "f1:14dcec445c7933df");
    }

    #[test]
    fn it_depends_on_the_thing_and_on_nothing_else() {
        let own = || found(&["production"], 0, 0);
        let wanted = fingerprint(own());
        let mut other = own()
            .figure("replicas", 1, "replicas")
            .at(Span::new(FileId(1), 3, 4), "");
        other.title = "another title".to_owned();
        assert_eq!(fingerprint(other), wanted);
        assert_eq!(fingerprint(found(&["production"], 1, 5)), wanted);
        assert_ne!(fingerprint(own().cause("one word")), wanted);
        assert_ne!(
            fingerprint(own().cause(("", "web"))),
            fingerprint(own().cause(("web", "")))
        );
        let with = |subject: Subject| {
            let mut finding = own();
            finding.subject = subject;
            fingerprint(finding)
        };
        assert_eq!(with(Subject::shown_as("Deployment", "web", "the web")), wanted);
        assert_ne!(with(Subject::named("StatefulSet", "web")), wanted);
        assert_ne!(with(Subject::named("Deployment", "api")), wanted);
        assert_ne!(
            with(Subject::named("Deployment", "web").in_namespace(Some("shop"))),
            wanted
        );
        let mut other = own();
        other.rule = RuleId::own("another-rule");
        assert_ne!(fingerprint(other), wanted);
    }

    #[test]
    fn environments_count_only_before_production() {
        let of = |environments: &[&str]| fingerprint(found(environments, 0, 0));
        let production = of(&["production"]);
        for all in [
            &["default"][..],
            &["eu-west"],
            &["development", "production"],
            &["production", "staging"],
        ] {
            assert_eq!(of(all), production, "{all:?}");
        }
        let staging = of(&["staging"]);
        assert_ne!(staging, production);
        assert_eq!(of(&["development", "staging"]), staging);
        assert_ne!(of(&["development"]), staging);
    }

    #[test]
    fn two_that_cannot_be_told_apart_have_two_fingerprints_in_any_order() {
        let all = || {
            vec![
                found(&["production"], 0, 0),
                found(&["production"], 0, 5),
                found(&["production"], 1, 0),
            ]
        };
        let platform = platform(&[""]);
        let mut one = all();
        assign(&mut one, &platform);
        let of = |all: &[Finding]| -> Vec<Fingerprint> { all.iter().map(|f| f.fingerprint).collect() };
        let alone = fingerprint(found(&["production"], 0, 0));
        assert_eq!(one[0].fingerprint, alone);
        assert_eq!(HashSet::from_iter(of(&one)).len(), 3);
        // In other files than those of the same name first.
        let mut other = all();
        other.rotate_right(1);
        assign(&mut other, &platform);
        let (mut one, mut other) = (of(&one), of(&other));
        one.sort();
        other.sort();
        assert_eq!(one, other);
    }

    #[test]
    fn projects_are_told_apart_by_their_directories() {
        let mut all = [found(&["production"], 0, 0), found(&["production"], 1, 0)];
        all[1].project = ProjectId(1);
        assign(&mut all, &platform(&["shop", "blog"]));
        assert_ne!(all[0].fingerprint, all[1].fingerprint);
        let mut alone = [found(&["production"], 0, 0)];
        assign(&mut alone, &platform(&["shop"]));
        assert_eq!(alone[0].fingerprint, all[0].fingerprint);
    }
}
