//! One cause, one finding: what says the same in several environments, or of several builds of one line, is reported
//! once.

use crate::finding::{Finding, Location, Unjudged};
use cofferdam_model::{ProjectId, Span};
use std::collections::BTreeMap;

/// A finding of one environment of one project.
pub(crate) struct Placed {
    pub(crate) project: ProjectId,
    pub(crate) finding: Finding,
}

type Key = (&'static str, ProjectId, String, String, String);

/// Joins findings that say the same of the same subject in several environments, then those that differ in their
/// subject only and rest on the same line.
pub(crate) fn findings(all: Vec<Placed>) -> Vec<Finding> {
    let mut joined: Vec<Placed> = Vec::with_capacity(all.len());
    let mut index: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for placed in all {
        let finding = &placed.finding;
        let key = (
            finding.rule,
            placed.project,
            finding.subject.clone(),
            finding.title.clone(),
            figures(finding),
        );
        let known = index.entry(key).or_default();
        match known.iter().find(|at| !are_two(&joined[**at].finding, finding)) {
            Some(&at) => absorb(&mut joined[at].finding, placed.finding),
            None => {
                known.push(joined.len());
                joined.push(placed);
            }
        }
    }
    let mut findings = of_one_line(joined);
    for finding in &mut findings {
        finding.environments.sort();
    }
    findings
}

/// Whether one environment has both, in two places: two objects of one name.
fn are_two(a: &Finding, b: &Finding) -> bool {
    let places = |finding: &Finding| finding.locations.first().map(|l| l.span);
    let both = a.environments.iter().any(|name| b.environments.contains(name));
    both && matches!((places(a), places(b)), (Some(one), Some(other)) if one != other)
}

fn figures(finding: &Finding) -> String {
    let figures = finding.figures.iter();
    figures
        .map(|(name, f)| format!("{name}={:?};", f.value))
        .collect()
}

/// Adds what the same finding says elsewhere.
fn absorb(first: &mut Finding, other: Finding) {
    first.severity = first.severity.max(other.severity);
    first.confidence = first.confidence.min(other.confidence);
    if other.apart.is_none() {
        first.apart = None;
    }
    for name in other.environments {
        if !first.environments.contains(&name) {
            first.environments.push(name);
        }
    }
    for assumption in other.assumptions {
        if !first.assumptions.contains(&assumption) {
            first.assumptions.push(assumption);
        }
    }
    merge_locations(&mut first.locations, other.locations);
}

/// Keeps the first environment's places, and of the others those in files not yet shown.
fn merge_locations(kept: &mut Vec<Location>, more: Vec<Location>) {
    for location in more {
        let is_shown = |l: &Location| l.span.file == location.span.file || l.label == location.label;
        if !kept.iter().any(is_shown) {
            kept.push(location);
        }
    }
}

/// The text without the name of its subject.
fn without_subject(text: &str, subject: &str) -> String {
    let name = subject.rsplit([' ', '/']).next().unwrap_or(subject);
    text.replace(subject, "{}").replace(name, "{}")
}

/// One base that many overlays put into many namespaces has its fault in one line.
fn of_one_line(all: Vec<Placed>) -> Vec<Finding> {
    let mut joined: Vec<(Finding, Vec<String>)> = Vec::with_capacity(all.len());
    let mut index: BTreeMap<(&'static str, ProjectId, Vec<Span>, String, String), usize> = BTreeMap::new();
    for Placed { project, finding } in all {
        let Some(first) = finding.locations.first() else {
            joined.push((finding, Vec::new()));
            continue;
        };
        let key = (
            finding.rule,
            project,
            vec![first.span],
            without_subject(&finding.title, &finding.subject),
            figures(&finding),
        );
        match index.get(&key) {
            Some(&at) => {
                let (kept, others) = &mut joined[at];
                if finding.subject != kept.subject && !others.contains(&finding.subject) {
                    others.push(finding.subject.clone());
                }
                absorb(kept, finding);
            }
            None => {
                index.insert(key, joined.len());
                joined.push((finding, Vec::new()));
            }
        }
    }
    joined
        .into_iter()
        .map(|(finding, others)| with_others(finding, &others))
        .collect()
}

/// Names the others that the finding holds for: their number and the first three.
fn with_others(mut finding: Finding, others: &[String]) -> Finding {
    if others.is_empty() {
        return finding;
    }
    let shown: Vec<&str> = std::iter::once(finding.subject.as_str())
        .chain(others.iter().map(String::as_str))
        .take(3)
        .collect();
    let total = others.len() + 1;
    let more = total - shown.len();
    let names = match more {
        0 => shown.join(", "),
        n => format!("{} and {n} more", shown.join(", ")),
    };
    let sentence = format!("One line makes this {total} times: {names}.");
    finding.title = format!("{} (and {} more)", finding.title, others.len());
    finding.explanation = format!("{} {sentence}", finding.explanation).trim().to_owned();
    finding
}

type UnjudgedKey = (&'static str, String, Vec<String>, Option<String>);

/// Joins what could not be judged for the same reason in several environments.
pub(crate) fn unjudged(all: Vec<Unjudged>) -> Vec<Unjudged> {
    let mut joined: Vec<Unjudged> = Vec::new();
    let mut index: BTreeMap<UnjudgedKey, usize> = BTreeMap::new();
    for one in all {
        let key = (
            one.rule,
            one.subject.clone(),
            one.needs.clone(),
            one.partial.clone(),
        );
        match index.get(&key) {
            Some(&at) => {
                for name in one.environments {
                    if !joined[at].environments.contains(&name) {
                        joined[at].environments.push(name);
                    }
                }
            }
            None => {
                index.insert(key, joined.len());
                joined.push(one);
            }
        }
    }
    joined.sort_by(|a, b| (a.rule, &a.subject, &a.needs).cmp(&(b.rule, &b.subject, &b.needs)));
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::FileId;

    fn placed(project: u32, subject: &str, at: usize) -> Placed {
        let finding = Finding::new(subject, format!("{subject}: no requests"))
            .at(Span::new(FileId(0), at, at + 1), "the workload");
        Placed {
            project: ProjectId(project),
            finding,
        }
    }

    #[test]
    fn one_line_of_many_overlays_is_one_finding() {
        let all: Vec<Placed> = (0..5)
            .map(|n| placed(0, &format!("Deployment ns{n}/web"), 7))
            .collect();
        let found = findings(all);
        assert_eq!(found.len(), 1);
        assert!(found[0].title.ends_with("(and 4 more)"), "{}", found[0].title);
        assert!(
            found[0]
                .explanation
                .contains("5 times: Deployment ns0/web, Deployment ns1/web, Deployment ns2/web and 2 more")
        );
    }

    #[test]
    fn two_objects_of_one_name_in_one_environment_are_two_findings() {
        let of = |environment: &str, at| {
            let mut one = placed(0, "Deployment web", at);
            one.finding.environments = vec![environment.to_owned()];
            one
        };
        assert_eq!(findings(vec![of("production", 1), of("production", 2)]).len(), 2);
        assert_eq!(findings(vec![of("production", 1), of("staging", 2)]).len(), 1);
        let four = findings(vec![
            of("production", 1),
            of("production", 2),
            of("staging", 1),
            of("staging", 2),
        ]);
        assert_eq!(four.len(), 2);
        assert!(four.iter().all(|f| f.environments == ["production", "staging"]));
    }

    #[test]
    fn other_lines_titles_or_projects_stay_apart() {
        assert_eq!(findings(vec![placed(0, "a", 1), placed(0, "b", 2)]).len(), 2);
        assert_eq!(findings(vec![placed(0, "a", 1), placed(1, "a", 1)]).len(), 2);
        let mut other = placed(0, "b", 1);
        other.finding.title = "b: no limits".to_owned();
        assert_eq!(findings(vec![placed(0, "a", 1), other]).len(), 2);
    }
}
