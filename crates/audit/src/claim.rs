//! Decides how strongly a finding may be claimed, given what is known about its place. Rules report what they
//! found. Whether it is deployed, a default, in a separate place, or only not seen is weighed here, once for
//! all rules.

use crate::finding::{Confidence, Finding, Severity, Subject, UNNAMED, sentence};
use cofferdam_model::{Apart, Environment, Near, Platform, Span};
use cofferdam_syntax::environment;

/// Lowers the claims of a finding of one environment to what its places allow.
pub(crate) fn weigh(finding: &mut Finding, env: &Environment, platform: &Platform) {
    let scope = &platform.scope;
    if let Some(kind) = finding.absence
        && let Some(opening) = scope.open_near(kind, (env.project, &env.name), &near(finding, env, platform))
    {
        at_most(finding, Severity::Low, Confidence::Likely);
        let reason = match opening.is_unrecognised() {
            true => sentence(&opening.shown()),
            false => format!("Not found here; it may still exist: {}.", opening.shown()),
        };
        if !finding.explanation.contains(&reason) {
            finding.explanation = format!("{} {reason}", finding.explanation).trim().to_owned();
        }
    }
    if finding.similar {
        at_most(finding, Severity::High, Confidence::Likely);
    }
    if depends(finding, |span| scope.is_default(span)) {
        at_most(finding, Severity::Medium, Confidence::Likely);
        let sentence = "this is the default; the installer may set another value";
        if !finding.assumptions.iter().any(|a| a == sentence) {
            finding.assumptions.push(sentence.to_owned());
        }
    }
    let altered = |span| scope.altered(span, env.project, &env.name);
    let reason = places(finding)
        .find_map(altered)
        .filter(|_| depends(finding, |span| altered(span).is_some()));
    let altered = reason.map(|reason| format!("the values are as they are written: {reason}"));
    if let Some(sentence) = altered {
        at_most(finding, Severity::Critical, Confidence::Likely);
        if !finding.assumptions.contains(&sentence) {
            finding.assumptions.push(sentence);
        }
    }
    let is_unnamed = finding.environments == [UNNAMED];
    if environment::is_before_production(&env.name) && !is_unnamed {
        at_most(finding, Severity::Medium, Confidence::Certain);
    }
    if is_local(finding, platform) {
        at_most(finding, Severity::Low, Confidence::Certain);
        let reason = "Low, since other files declare the platform's workloads: this Compose file is for a \
            developer's machine.";
        finding.explanation = format!("{} {reason}", finding.explanation).trim().to_owned();
    }
    if is_unbuilt(finding, platform) {
        at_most(finding, Severity::Low, Confidence::Likely);
        let reason = "Low, since the kustomization that it is a part of cannot be built: it is deployed nowhere as it is \
            written.";
        finding.explanation = format!("{} {reason}", finding.explanation).trim().to_owned();
    }
    finding.apart = apart(finding, env, platform);
    if finding.apart.is_some() {
        at_most(finding, Severity::Low, Confidence::Certain);
    }
    name_subject(finding, platform);
}

/// The places of a finding, those included that are not shown.
pub(crate) fn places(finding: &Finding) -> impl Iterator<Item = Span> {
    let shown = finding.locations.iter().map(|l| l.span);
    shown.chain(finding.also_at.iter().copied())
}

/// Whether a finding is as weak as its places of this sort: as soon as there is one, or where each place is the finding by
/// itself only if all are.
fn depends(finding: &Finding, is_weak: impl Fn(Span) -> bool) -> bool {
    let mut all = places(finding).peekable();
    match finding.each {
        true => all.peek().is_some() && all.all(is_weak),
        false => all.any(is_weak),
    }
}

/// Whether all of a finding is on a developer's machine.
pub(crate) fn is_local(finding: &Finding, platform: &Platform) -> bool {
    let is_local = |l: &crate::finding::Location| platform.scope.local_files.contains(&l.span.file);
    !finding.locations.is_empty() && finding.locations.iter().all(is_local)
}

/// Whether all of a finding is in files that only builds have that cannot be made. What is secret is out all the same.
fn is_unbuilt(finding: &Finding, platform: &Platform) -> bool {
    let is_unbuilt = |l: &crate::finding::Location| platform.scope.unbuilt.contains(&l.span.file);
    let is_secret = finding.rule == "secret-in-clear";
    !is_secret && !finding.locations.is_empty() && finding.locations.iter().all(is_unbuilt)
}

/// Where a finding is, for the sources that could bring what it misses.
fn near<'a>(finding: &'a Finding, env: &'a Environment, platform: &'a Platform) -> Near<'a> {
    let first = finding.locations.first();
    Near {
        files: finding.locations.iter().map(|l| l.span.file).collect(),
        path: first.map(|l| platform.sources.path(l.span.file)),
        namespace: finding.subject.namespace(),
        cluster: env.cluster.as_deref(),
        title: &finding.title,
        is_compose: finding.subject.as_str().starts_with("Compose service "),
    }
}

/// The separate place that contains a finding: that of the build that it is found in, or of all of its files.
fn apart(finding: &Finding, env: &Environment, platform: &Platform) -> Option<Apart> {
    let scope = &platform.scope;
    let of_project = scope.project_apart(env.project);
    let first = match finding.locations.first() {
        Some(first) if of_project.is_none() => first,
        _ => return of_project,
    };
    let is_apart = |l: &crate::finding::Location| scope.apart.contains_key(&l.span.file);
    finding
        .locations
        .iter()
        .all(is_apart)
        .then(|| scope.apart.get(&first.span.file).copied())?
}

fn at_most(finding: &mut Finding, severity: Severity, confidence: Confidence) {
    finding.severity = finding.severity.map(|s| s.min(severity));
    finding.confidence = finding.confidence.min(confidence);
}

/// A subject always has a name that a person would use.
fn name_subject(finding: &mut Finding, platform: &Platform) {
    if !finding.subject.as_str().trim().is_empty() {
        return;
    }
    finding.subject = match finding.locations.first() {
        Some(location) => {
            let path = platform.sources.path(location.span.file).display().to_string();
            Subject::shown_as("file", &path, &path)
        }
        None => Subject::all("the platform"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::RuleId;
    use cofferdam_model::{Absence, FileId, Opening, Project, ProjectId, SourceFile};
    use std::collections::BTreeSet;

    fn platform() -> Platform {
        let mut platform = Platform::default();
        platform.sources.add(SourceFile::new("a.yaml".into(), "a: 1\n"));
        platform
            .sources
            .add(SourceFile::new("examples/b.yaml".into(), "b: 1\n"));
        platform.scope.projects.push(Project {
            root: "".into(),
            apart: None,
        });
        platform
    }

    fn span(file: u32) -> Span {
        Span::new(FileId(file), 0, 1)
    }

    fn finding(file: u32) -> Finding {
        Finding::new("thing", "thing: a title")
            .severity(Severity::Critical)
            .at(span(file), "")
    }

    fn env(name: &str) -> Environment {
        Environment {
            name: name.to_owned(),
            ..Environment::default()
        }
    }

    fn weighed(mut finding: Finding, name: &str, platform: &Platform) -> Finding {
        weigh(&mut finding, &env(name), platform);
        finding
    }

    #[test]
    fn an_absence_is_certain_only_in_a_closed_scope() {
        let mut platform = platform();
        let claim = || finding(0).absent(Absence::Alert);
        let closed = weighed(claim(), "production", &platform);
        assert_eq!(
            (closed.severity, closed.confidence),
            (Some(Severity::Critical), Confidence::Certain)
        );
        platform.scope.openings.push(Opening {
            project: ProjectId(0),
            environment: None,
            kinds: BTreeSet::from([Absence::Alert]),
            reason: "the chart alerts was not read".to_owned(),
            span: None,
            ..Opening::default()
        });
        let open = weighed(claim(), "production", &platform);
        assert_eq!(
            (open.severity, open.confidence),
            (Some(Severity::Low), Confidence::Likely)
        );
        assert!(open.explanation.contains("the chart alerts was not read"));
        // A value that exists is still claimed, and so is the absence of things that the chart cannot create.
        assert_eq!(
            weighed(finding(0), "production", &platform).severity,
            Some(Severity::Critical)
        );
        let other = weighed(finding(0).absent(Absence::Topic), "production", &platform);
        assert_eq!(other.severity, Some(Severity::Critical));
    }

    #[test]
    fn an_absence_of_what_was_not_recognised_says_so_once() {
        let mut platform = platform();
        let opening = Opening::unrecognised(ProjectId(0), Absence::Alert);
        platform.scope.openings.push(opening);
        let reason = "These files contain no alert at all, so alerts may be kept in another repository.";
        for explanation in ["", reason] {
            let claim = finding(0).absent(Absence::Alert).explain(explanation);
            assert_eq!(weighed(claim, "production", &platform).explanation, reason);
        }
    }

    #[test]
    fn an_assumption_is_named_once_beside_others() {
        let mut platform = platform();
        platform.scope.default_values.insert(span(0));
        platform.scope.altered.push(cofferdam_model::Altered {
            project: ProjectId(0),
            environment: None,
            files: [FileId(0)].into(),
            reason: "a plugin was not run".to_owned(),
        });
        let assumed = |finding: Finding| weighed(finding, "production", &platform).assumptions;
        let (default, altered) = (
            "this is the default; the installer may set another value",
            "the values are as they are written: a plugin was not run",
        );
        assert_eq!(assumed(finding(0)), [default, altered]);
        assert_eq!(assumed(finding(0).assume("other")), ["other", default, altered]);
        assert_eq!(
            assumed(finding(0).assume(default).assume(altered)),
            [default, altered]
        );
        assert!(assumed(finding(1)).is_empty());
    }

    #[test]
    fn a_finding_without_places_is_on_no_developers_machine() {
        let mut platform = platform();
        platform.scope.local_files.insert(FileId(1));
        assert!(is_local(&finding(1), &platform) && !is_local(&finding(0), &platform));
        assert!(!is_local(&Finding::new("thing", "thing: a title"), &platform));
    }

    #[test]
    fn a_finding_that_depends_on_similar_names_is_never_critical() {
        let platform = platform();
        let linked = |linked| {
            let mut evidence = crate::finding::Evidence::new();
            evidence.owner(&cofferdam_model::Owner {
                linked,
                ..cofferdam_model::Owner::default()
            });
            let found = weighed(finding(0).evidence(evidence), "production", &platform);
            (found.severity, found.confidence)
        };
        use cofferdam_model::Linked::{Directory, Named, Similar};
        assert_eq!(linked(Named), (Some(Severity::Critical), Confidence::Certain));
        assert_eq!(linked(Directory), (Some(Severity::Critical), Confidence::Likely));
        assert_eq!(linked(Similar), (Some(Severity::High), Confidence::Likely));
    }

    #[test]
    fn a_default_is_at_most_likely_and_medium() {
        let mut platform = platform();
        assert_eq!(
            weighed(finding(0), "production", &platform).confidence,
            Confidence::Certain
        );
        platform.scope.default_values.insert(span(0));
        let found = weighed(finding(0), "production", &platform);
        assert_eq!(
            (found.severity, found.confidence),
            (Some(Severity::Medium), Confidence::Likely)
        );
        assert_eq!(found.assumptions.len(), 1);
    }

    #[test]
    fn where_each_place_is_the_finding_a_default_takes_nothing_from_the_others() {
        let mut platform = platform();
        platform.scope.default_values.insert(span(0));
        let of = |finding: Finding| weighed(finding, "production", &platform).confidence;
        let both = || finding(1).at(span(0), "");
        assert_eq!(of(both()), Confidence::Likely);
        assert_eq!(of(both().each()), Confidence::Certain);
        assert_eq!(of(finding(0).each()), Confidence::Likely);
        let mut hidden = finding(0).each();
        hidden.also_at.push(span(1));
        assert_eq!(of(hidden), Confidence::Certain);
    }

    #[test]
    fn only_production_and_the_unnamed_environment_are_high() {
        let platform = platform();
        for (name, wanted) in [
            ("production", Severity::Critical),
            ("default", Severity::Critical),
            ("eu-west", Severity::Critical),
            ("development", Severity::Medium),
            ("staging", Severity::Medium),
            ("test", Severity::Medium),
        ] {
            assert_eq!(
                weighed(finding(0), name, &platform).severity,
                Some(wanted),
                "{name}"
            );
        }
    }

    #[test]
    fn findings_in_a_separate_place_are_low_and_findings_in_its_users_are_not() {
        let mut platform = platform();
        platform.scope.apart.insert(FileId(1), Apart::Examples);
        let apart = weighed(finding(1), "production", &platform);
        assert_eq!(
            (apart.severity, apart.apart),
            (Some(Severity::Low), Some(Apart::Examples))
        );
        let used = weighed(finding(1).at(span(0), "the overlay"), "production", &platform);
        assert_eq!((used.severity, used.apart), (Some(Severity::Critical), None));
    }

    #[test]
    fn what_only_an_example_builds_is_in_that_example() {
        let mut platform = platform();
        platform.scope.projects.push(Project {
            root: "examples".into(),
            apart: Some(Apart::Examples),
        });
        let mut of_example = env("production");
        of_example.project = ProjectId(1);
        let mut found = finding(0);
        weigh(&mut found, &of_example, &platform);
        assert_eq!(
            (found.severity, found.apart),
            (Some(Severity::Low), Some(Apart::Examples))
        );
    }

    #[test]
    fn what_cannot_be_built_is_low_and_a_leaked_secret_is_not() {
        let mut platform = platform();
        platform.scope.unbuilt.insert(FileId(0));
        assert_eq!(
            weighed(finding(0), "production", &platform).severity,
            Some(Severity::Low)
        );
        let beside = finding(0).at(span(1), "the kustomization");
        assert_eq!(
            weighed(beside, "production", &platform).severity,
            Some(Severity::Critical)
        );
        let mut leaked = finding(0);
        leaked.rule = RuleId::new("secret-in-clear");
        assert_eq!(
            weighed(leaked, "production", &platform).severity,
            Some(Severity::Critical)
        );
    }

    #[test]
    fn what_names_no_environment_is_in_none_before_production() {
        let mut unnamed = finding(0);
        unnamed.environments = vec![UNNAMED.to_owned()];
        assert_eq!(
            weighed(unnamed, "staging", &platform()).severity,
            Some(Severity::Critical)
        );
    }

    #[test]
    fn a_developers_machine_is_low_and_says_why() {
        let mut platform = platform();
        platform.scope.local_files.insert(FileId(1));
        let local = weighed(finding(1), "production", &platform);
        assert_eq!(local.severity, Some(Severity::Low));
        assert!(local.explanation.contains("developer's machine"));
        let both = weighed(finding(1).at(span(0), "the cluster"), "production", &platform);
        assert_eq!(both.severity, Some(Severity::Critical));
    }

    #[test]
    fn a_subject_is_never_empty() {
        let platform = platform();
        let mut nameless = finding(0);
        nameless.subject = " ".into();
        assert_eq!(weighed(nameless, "production", &platform).subject, "a.yaml");
    }
}
