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
use cofferdam_model::Platform;
use cofferdam_syntax::environment;
use cofferdam_syntax::hash::HashMap;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// Shows the namespaces of subjects that would look the same without them.
pub(crate) fn show_namespaces(findings: &mut [Finding]) {
    let mut alike: HashMap<(RuleId, String), Vec<usize>> = HashMap::default();
    for (at, finding) in findings.iter().enumerate() {
        if finding.subject.hides_namespace() {
            let shown = finding.subject.as_str().to_owned();
            alike.entry((finding.rule.clone(), shown)).or_default().push(at);
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
    let mut twins: HashMap<Fingerprint, Vec<usize>> = HashMap::default();
    for (at, finding) in findings.iter().enumerate() {
        twins.entry(finding.fingerprint).or_default().push(at);
    }
    for mut twins in twins.into_values().filter(|twins| twins.len() > 1) {
        if std::env::var_os("TWINS").is_some() {
            for t in &twins {
                let f = &findings[*t];
                eprintln!(
                    "TWIN {} | {} | {:?} | {} | {:?} | {:?}",
                    f.rule,
                    f.subject,
                    f.cause,
                    f.title,
                    f.environments,
                    f.locations
                        .first()
                        .map(|l| (platform.sources.path(l.span.file), l.span.start))
                );
            }
            eprintln!("TWIN --");
        }
        tell_apart(&mut twins, findings, platform);
    }
}

/// Two objects have one name in one environment: their files tell them apart, and if that is not enough their order.
fn tell_apart(twins: &mut [usize], findings: &mut [Finding], platform: &Platform) {
    let path = |finding: &Finding| {
        let first = finding.locations.first();
        first.map(|l| platform.sources.path(l.span.file).display().to_string())
    };
    twins.sort_by_cached_key(|at| (path(&findings[*at]), *at));
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
