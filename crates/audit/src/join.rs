//! Joins findings with one cause: a finding that is the same in several environments, or in several builds of
//! one line, is reported once.

mod twins;

use crate::finding::{Finding, Location, Unjudged};
use cofferdam_model::{ProjectId, Span};
use cofferdam_syntax::hash::{HashMap, HashSet};
use rayon::prelude::*;
use std::collections::BTreeSet;

type Key = (&'static str, ProjectId, String, String, String);

/// Joins equal findings about the same subject in several environments.
pub(crate) fn of_one_subject(all: Vec<Finding>) -> Vec<Finding> {
    let keys = all.par_iter().map(subject_key).collect();
    by_subject(all, keys)
}

fn subject_key(finding: &Finding) -> Key {
    (
        finding.rule,
        finding.project,
        finding.subject.clone(),
        finding.title.clone(),
        figures(finding),
    )
}

fn by_subject(all: Vec<Finding>, keys: Vec<Key>) -> Vec<Finding> {
    let mut joined: Vec<Finding> = Vec::new();
    let mut index: HashMap<Key, Vec<usize>> = HashMap::default();
    let mut of_subjects: HashMap<(&'static str, ProjectId, String), Vec<usize>> = HashMap::default();
    for (mut finding, key) in all.into_iter().zip(keys) {
        name_itself(&mut finding);
        let known = index.entry(key).or_default();
        let same = known.iter().find(|at| !are_two(&joined[**at], &finding)).copied();
        let subject = (finding.rule, finding.project, finding.subject.clone());
        let of_subject = of_subjects.entry(subject).or_default();
        let in_another_variant = || {
            let mut others = of_subject.iter().copied();
            others.find(|at| {
                is_of_another_variant(&joined[*at], &finding) || is_of_another_cluster(&joined[*at], &finding)
            })
        };
        match same.or_else(in_another_variant) {
            Some(at) => absorb(&mut joined[at], finding),
            None => {
                known.push(joined.len());
                of_subject.push(joined.len());
                joined.push(finding);
            }
        }
    }
    joined.iter_mut().for_each(name_once);
    joined
}

fn name_itself(finding: &mut Finding) {
    if finding.subjects.is_empty() {
        finding.subjects.push(finding.subject.clone());
    }
}

/// Removes what absorbed findings have named again: asking for each whether it is known would cost their square.
fn name_once(finding: &mut Finding) {
    for names in [&mut finding.subjects, &mut finding.environments] {
        if names.len() > 1 {
            let mut seen = HashSet::with_capacity_and_hasher(names.len(), Default::default());
            names.retain(|name| seen.insert(name.clone()));
        }
    }
}

/// Whether one environment has both, in two places: then they are two objects with one name. What `a` has absorbed may
/// be at the place of `b`.
fn are_two(a: &Finding, b: &Finding) -> bool {
    let place = |finding: &Finding| finding.locations.first().map(|l| l.span);
    let both = a.environments.iter().any(|name| b.environments.contains(name))
        && !are_variants(a, b)
        && !are_on_other_clusters(a, b);
    both && matches!((place(a), place(b)), (Some(one), Some(other)) if one != other && !a.also_at.contains(&other))
}

/// Whether two findings are of variants that are never installed together.
fn are_variants(a: &Finding, b: &Finding) -> bool {
    are_disjoint(&a.variants, &b.variants)
}

/// Whether two findings are of different clusters.
fn are_on_other_clusters(a: &Finding, b: &Finding) -> bool {
    are_disjoint(&a.clusters, &b.clusters)
}

/// Whether both are known and have nothing in common.
fn are_disjoint(a: &BTreeSet<Option<String>>, b: &BTreeSet<Option<String>>) -> bool {
    let is_known = |names: &BTreeSet<Option<String>>| !names.is_empty() && !names.contains(&None);
    is_known(a) && is_known(b) && a.is_disjoint(b)
}

/// Whether both list the same things of two clusters of one environment: the lists are those of one of them.
fn is_of_another_cluster(a: &Finding, b: &Finding) -> bool {
    let is_list = |finding: &Finding| {
        finding.subject.starts_with(char::is_lowercase) && !finding.title.contains(&finding.subject)
    };
    is_list(a)
        && is_list(b)
        && are_on_other_clusters(a, b)
        && a.environments.iter().any(|name| b.environments.contains(name))
}

/// Whether both say the same of one subject in variants of one environment: the figures are those of one variant.
fn is_of_another_variant(a: &Finding, b: &Finding) -> bool {
    let file = |finding: &Finding| finding.locations.first().map(|l| l.span.file);
    // "Deployment shop/web" is one object in all variants; "secret PASSWORD" may be another one in another file.
    let is_object = a.subject.starts_with(char::is_uppercase);
    (is_object || file(a) == file(b))
        && are_variants(a, b)
        && a.environments.iter().any(|name| b.environments.contains(name))
}

fn figures(finding: &Finding) -> String {
    let figures = finding.figures.iter();
    figures
        .map(|(name, f)| format!("{name}={:?};", f.value))
        .collect()
}

/// Adds the data of the same finding in other environments.
///
/// The text is that of the environment where it is worst: figures of another would be said of this one.
fn absorb(first: &mut Finding, mut other: Finding) {
    if other.severity > first.severity && first.subject == other.subject {
        std::mem::swap(first, &mut other);
    }
    let is_same_text = first.subject != other.subject || first.explanation == other.explanation;
    first.severity = first.severity.max(other.severity);
    first.confidence = first.confidence.min(other.confidence);
    if other.apart.is_none() {
        first.apart = None;
    }
    first.subjects.append(&mut other.subjects);
    first.environments.append(&mut other.environments);
    first.variants.append(&mut other.variants);
    first.clusters.append(&mut other.clusters);
    for assumption in other.assumptions {
        if !first.assumptions.contains(&assumption) {
            first.assumptions.push(assumption);
        }
    }
    let places: Vec<Span> = (other.locations.first().map(|l| l.span).into_iter())
        .chain(other.also_at)
        .collect();
    if is_same_text {
        merge_locations(&mut first.locations, other.locations);
    }
    for place in places {
        let is_shown = first.locations.iter().any(|l| l.span == place) || first.also_at.contains(&place);
        if !is_shown {
            first.also_at.push(place);
        }
    }
}

/// Keeps the first environment's places, and adds the others' places in files that are not yet shown.
fn merge_locations(kept: &mut Vec<Location>, more: Vec<Location>) {
    for location in more {
        let is_shown = |l: &Location| l.span.file == location.span.file || l.label == location.label;
        if !kept.iter().any(is_shown) {
            kept.push(location);
        }
    }
}

/// The text without the name of its subject, also if the subject is a part of the object that the text names
/// ("Deployment shop/api container api").
fn without_subject(text: &str, subject: &str) -> String {
    let mut text = text.replace(subject, "{}");
    for word in subject.split(' ').filter(|word| word.contains('/')) {
        text = text.replace(word, "{}");
    }
    let name = subject.rsplit([' ', '/']).next().unwrap_or(subject);
    text.replace(name, "{}")
}

type LineKey = (&'static str, ProjectId, Span, String, String);

/// Joins findings that differ only in their subject and come from the same line: if many overlays put one
/// base into many namespaces, the fault is in one line.
pub(crate) fn of_one_line(all: Vec<Finding>) -> Vec<Finding> {
    let keys = all.par_iter().map(line_key).collect();
    let mut joined = by_line(all, keys);
    twins::drop(&mut joined);
    for finding in &mut joined {
        finding.environments.sort();
        name_others(finding);
    }
    joined
}

/// How many findings are worth joining before the others are there. Fewer need little memory.
const MANY: usize = 200;

/// Joins the findings of one rule in some environments before they meet the others: hundreds of overlays of one base find
/// the same hundreds of times. Where `by_lines` is false, each subject keeps its own. This waits for nothing, since a
/// thread that waits would begin another rule and keep the findings of both.
pub(crate) fn early(all: Vec<Finding>, by_lines: bool) -> Vec<Finding> {
    if all.len() < MANY {
        return all;
    }
    let keys = all.iter().map(subject_key).collect();
    let joined = by_subject(all, keys);
    if !by_lines {
        return joined;
    }
    let keys = joined.iter().map(line_key).collect();
    by_line(joined, keys)
}

fn line_key(finding: &Finding) -> Option<LineKey> {
    Some((
        finding.rule,
        finding.project,
        finding.locations.first()?.span,
        without_subject(&finding.title, &finding.subject),
        figures(finding),
    ))
}

fn by_line(all: Vec<Finding>, keys: Vec<Option<LineKey>>) -> Vec<Finding> {
    let mut joined: Vec<Finding> = Vec::new();
    let mut index: HashMap<LineKey, usize> = HashMap::default();
    for (mut finding, key) in all.into_iter().zip(keys) {
        name_itself(&mut finding);
        let Some(key) = key else {
            joined.push(finding);
            continue;
        };
        match index.get(&key) {
            Some(&at) => absorb(&mut joined[at], finding),
            None => {
                index.insert(key, joined.len());
                joined.push(finding);
            }
        }
    }
    joined.iter_mut().for_each(name_once);
    joined
}

/// Names the other subjects of the finding: their number and the first three.
fn name_others(finding: &mut Finding) {
    let total = finding.subjects.len();
    if total < 2 {
        return;
    }
    let others = total - 1;
    let shown: Vec<&str> = finding.subjects.iter().take(3).map(String::as_str).collect();
    let names = match total - shown.len() {
        0 => shown.join(", "),
        n => format!("{} and {n} more", shown.join(", ")),
    };
    finding.title = match finding.title.split_once(": ") {
        Some((thing, rest)) if finding.subject.starts_with(thing) => {
            format!("{thing} and {others} more: {rest}")
        }
        _ => format!("{} (and the same for {others} more)", finding.title),
    };
    let sentence = format!("The same line causes this {total} times: for {names}.");
    finding.explanation = format!("{} {sentence}", finding.explanation).trim().to_owned();
}

type UnjudgedKey = (&'static str, String, Vec<String>, Option<String>);

/// Joins results of "could not judge" with the same reason in several environments.
pub(crate) fn unjudged(all: Vec<Unjudged>) -> Vec<Unjudged> {
    let mut joined: Vec<Unjudged> = Vec::new();
    let mut index: HashMap<UnjudgedKey, usize> = HashMap::default();
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
mod tests;
