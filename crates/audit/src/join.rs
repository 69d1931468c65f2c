//! Joins findings with one cause: a finding that is the same in several environments, in several builds of
//! one line, or in copies of one file, is reported once.

mod crowds;
mod known;
mod same;
mod twins;

use crate::finding::{Cause, Confidence, Finding, First, Location, RuleId, Severity, Subject, Unjudged};
use crate::rules::common::is_production_like;
use cofferdam_model::registry::Missing;
use cofferdam_model::units::count;
use cofferdam_model::{FileId, ProjectId, SourceMap, Span};
use cofferdam_syntax::hash::{HashMap, HashSet};
use crowds::Crowds;
use known::{Copies, Known};
use rayon::prelude::*;
use same::{are_on_other_clusters, are_variants, is_known};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::collections::hash_map::Entry;
use std::ffi::OsString;
use std::path::{Component, Path};

/// What makes two findings one in all environments: project, subject, cause, and what is said of them. The rule is the same
/// in all findings that are compared.
type Key = (ProjectId, Subject, Said);

/// The cause, and the statement about the subject: what is true in one environment must not be said of another one. `None`
/// if the rule says that the finding is one in all environments, whatever its figures are and whatever it names.
type Said = (Cause, Option<String>);

/// Joins what has one cause. Findings of two rules have none in common, so each rule's are joined by themselves, and side by
/// side.
pub(crate) fn all(by_rule: Vec<Vec<Vec<Finding>>>, sources: &SourceMap) -> Vec<Finding> {
    let joined: Vec<Vec<Finding>> = (by_rule.into_par_iter())
        .map(|findings| of_one_line(of_one_subject(together(findings)), sources))
        .collect();
    together(joined)
}

/// All of them in one list, which is made once: a finding is large.
fn together(lists: Vec<Vec<Finding>>) -> Vec<Finding> {
    let mut all = Vec::with_capacity(lists.iter().map(Vec::len).sum());
    all.extend(lists.into_iter().flatten());
    all
}

/// Joins equal findings about the same subject in several environments.
fn of_one_subject(all: Vec<Finding>) -> Vec<Finding> {
    let keys = all.par_iter().map(subject_key).collect();
    by_subject(all, keys)
}

fn subject_key(finding: &Finding) -> Key {
    (finding.project, finding.subject.clone(), said(finding))
}

/// What is said of the subject of a finding, without its name at the beginning: the namespace in it may be another one in
/// each environment.
fn said(finding: &Finding) -> Said {
    let statement = || {
        let title = finding.title.as_str();
        let is_in_namespace = finding.subject.namespace().is_some();
        let rest = title
            .strip_prefix(finding.subject.as_str())
            .filter(|_| is_in_namespace);
        rest.unwrap_or(title).to_owned()
    };
    (finding.cause.clone(), (!finding.alike).then(statement))
}

/// The same without its name anywhere.
fn said_of_any(finding: &Finding) -> Said {
    let statement = || without_subject(&finding.title, finding.subject.as_str());
    (finding.cause.clone(), (!finding.alike).then(statement))
}

fn by_subject(all: Vec<Finding>, keys: Vec<Key>) -> Vec<Finding> {
    let mut joined: Vec<Finding> = Vec::new();
    let mut index: HashMap<Key, Known> = HashMap::default();
    let mut of_subjects: HashMap<(ProjectId, Subject), Vec<usize>> = HashMap::default();
    let mut crowds = Crowds::default();
    for (mut finding, key) in all.into_iter().zip(keys) {
        name_itself(&mut finding);
        let known = index.entry(key).or_default();
        let same = known.same(&joined, &finding, &crowds);
        let subject = (finding.project, finding.subject.clone());
        let of_subject = of_subjects.entry(subject).or_default();
        let in_another_variant = || {
            // Nothing else is of another variant or cluster.
            if !is_known(&finding.variants) && !is_known(&finding.clusters) {
                return None;
            }
            let mut others = of_subject.iter().copied();
            others.find(|at| {
                let meet = || crowds.meet(*at, &joined[*at], &finding);
                is_of_another_variant(&joined[*at], &finding, meet)
                    || is_of_another_cluster(&joined[*at], &finding, meet)
            })
        };
        match same.or_else(in_another_variant) {
            Some(at) => {
                known.absorbed(at, &finding);
                crowds.absorbed(at, &joined[at], &finding);
                absorb(&mut joined[at], finding);
            }
            None => {
                known.push(joined.len(), &finding);
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
    let of = |name: &String| match (name == "production", is_production_like(name)) {
        (true, _) => 2,
        (_, true) => 1,
        _ => 0,
    };
    finding.stage = finding.environments.iter().map(of).max();
}

/// Removes what absorbed findings have named again: asking for each whether it is known would cost their square.
fn name_once(finding: &mut Finding) {
    if finding.subjects.len() > 1 {
        let mut seen = HashSet::with_capacity_and_hasher(finding.subjects.len(), Default::default());
        (finding.subjects).retain(|subject| seen.insert((subject.clone(), subject.as_str().to_owned())));
    }
    if finding.environments.len() > 1 {
        let mut seen = HashSet::with_capacity_and_hasher(finding.environments.len(), Default::default());
        finding.environments.retain(|name| seen.insert(name.clone()));
    }
    let mut seen = HashSet::with_capacity_and_hasher(finding.elsewhere.len(), Default::default());
    finding.elsewhere.retain(|one| seen.insert(one.clone()));
    let mut seen = HashSet::with_capacity_and_hasher(finding.also_at.len(), Default::default());
    finding.also_at.retain(|place| seen.insert(*place));
}

/// Whether both list the same things of two clusters of one environment: the lists are those of one of them.
fn is_of_another_cluster(a: &Finding, b: &Finding, meet: impl Fn() -> bool) -> bool {
    let is_list = |finding: &Finding| {
        let subject = finding.subject.as_str();
        subject.starts_with(char::is_lowercase) && !finding.title.contains(subject)
    };
    is_list(a) && is_list(b) && are_on_other_clusters(a, b) && meet()
}

/// Whether both say the same of one subject in variants of one environment: the figures are those of one variant.
fn is_of_another_variant(a: &Finding, b: &Finding, meet: impl Fn() -> bool) -> bool {
    let file = |finding: &Finding| finding.locations.first().map(|l| l.span.file);
    // "Deployment shop/web" is one object in all variants; "secret PASSWORD" may be another one in another file.
    let is_object = a.subject.as_str().starts_with(char::is_uppercase);
    (is_object || file(a) == file(b)) && are_variants(a, b) && meet()
}

/// How much a finding matters among those that are joined: its severity, then whether it is about production, then how
/// certain it is, then how many workloads it counts.
fn weight(finding: &Finding) -> (Option<Severity>, u8, Confidence, u32) {
    let counted = ["workloads", "budgets", "containers"];
    let mut figures = counted.iter().filter_map(|name| finding.figures.get(*name));
    (
        finding.severity,
        finding.stage.unwrap_or(1),
        finding.confidence,
        figures.next().map_or(0, |figure| figure.value as u32),
    )
}

/// Adds the data of the same finding in other environments.
///
/// The subject and the text are those of the environment where it is worst: figures of another would be said of this
/// one, and a reader who meets a development environment first takes the finding for less than it is.
fn absorb(first: &mut Finding, mut other: Finding) {
    if weight(&other) > weight(first) {
        std::mem::swap(first, &mut other);
    }
    let is_same_text =
        first.subject.as_str() != other.subject.as_str() || first.explanation == other.explanation;
    keep_first(first, &other);
    first.severity = first.severity.max(other.severity);
    // What the other depends on takes nothing from this one, whose text is shown.
    let is_weaker = other.confidence < first.confidence;
    if other.apart.is_none() {
        first.apart = None;
    }
    first.subjects.append(&mut other.subjects);
    first.elsewhere.append(&mut other.elsewhere);
    if first.project == other.project {
        first.environments.append(&mut other.environments);
        first.stage = first.stage.max(other.stage);
    } else {
        let project = other.project;
        let names = other.environments.into_iter().map(|name| (project, name));
        first.elsewhere.extend(names);
    }
    first.variants.append(other.variants);
    first.clusters.append(other.clusters);
    for assumption in other.assumptions.into_iter().filter(|_| !is_weaker) {
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
        // Those that come again are removed in the end.
        if !first.locations.iter().any(|l| l.span == place) {
            first.also_at.push(place);
        }
    }
}

/// Keeps the subject and the cause of the finding that has the fingerprint of both, whichever of them is shown.
fn keep_first(shown: &mut Finding, other: &Finding) {
    let is_same = shown.subject == other.subject && shown.cause == other.cause;
    if is_same && shown.first.is_none() && other.first.is_none() {
        return;
    }
    let first = |finding: &Finding| match &finding.first {
        Some(first) => (**first).clone(),
        None => First {
            stage: finding.stage.unwrap_or(1),
            subject: finding.subject.clone(),
            cause: finding.cause.clone(),
        },
    };
    let order = |first: &First| (Reverse(first.stage), first.subject.clone(), first.cause.clone());
    let (one, another) = (first(shown), first(other));
    if order(&another) < order(&one) {
        shown.first = Some(Box::new(another));
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
    // Most texts name a part of the subject at most.
    let has = |text: &str, word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    let mut text = Cow::Borrowed(text);
    for word in std::iter::once(subject).chain(subject.split(' ').filter(|word| word.contains('/'))) {
        if has(&text, word) {
            text = Cow::Owned(text.replace(word, "{}"));
        }
    }
    let name = subject.rsplit([' ', '/']).next().unwrap_or(subject);
    match has(&text, name) {
        true => without_word(&text, name),
        false => text.into_owned(),
    }
}

/// The text without a name where it is a whole word: a short one is a part of many words.
fn without_word(text: &str, name: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (at, _) in text.match_indices(name) {
        let end = at + name.len();
        let inside = text[..at].ends_with(is_part) || text[end..].starts_with(|c| is_part(c) && c != '.');
        if !inside {
            out.push_str(&text[done..at]);
            out.push_str("{}");
            done = end;
        }
    }
    out.push_str(&text[done..]);
    out
}

/// A line and what is said of it. Two projects of one tree may use one file.
type LineKey = (Span, Said);

/// Joins findings that differ only in their subject and come from the same line: if many overlays put one
/// base into many namespaces, the fault is in one line. The same in copies of one file is joined too.
fn of_one_line(all: Vec<Finding>, sources: &SourceMap) -> Vec<Finding> {
    let keys = all.par_iter().map(line_key).collect();
    let path = |file| sources.path(file);
    let mut joined = of_one_directory(of_copies(by_line(all, keys), path), path);
    twins::drop(&mut joined);
    for finding in &mut joined {
        finding.environments.sort();
        finding.elsewhere.sort();
        show_namespaces(finding);
        name_others(finding);
    }
    joined
}

/// Joins what is the same in copies of one file, as a directory for each cluster contains them.
fn of_copies<'a>(all: Vec<Finding>, path: impl Fn(FileId) -> &'a Path) -> Vec<Finding> {
    let mut joined: Vec<Finding> = Vec::with_capacity(all.len());
    // Copies of a file have its name, at the same depth.
    let mut index: HashMap<(Key, Option<(OsString, usize)>), Copies> = HashMap::default();
    for finding in all {
        let Some(file) = file_of(&finding) else {
            joined.push(finding);
            continue;
        };
        let place = || {
            let path = path(file);
            let name = path.file_name().unwrap_or_default().to_owned();
            (name, path.components().count())
        };
        let once = is_named_once(finding.subject.as_str());
        let place = (!once).then(place);
        let known = index.entry((subject_key(&finding), place)).or_default();
        let is_copy = |other| once || differ_in_one_directory(path(other), path(file));
        match known.find(is_copy, |at| subjects(&joined[at]) == subjects(&finding)) {
            Some(at) => {
                absorb(&mut joined[at], finding);
                known.moved(at, file_of(&joined[at]));
            }
            None => {
                known.push(joined.len(), file);
                joined.push(finding);
            }
        }
    }
    joined.iter_mut().for_each(name_once);
    joined
}

fn file_of(finding: &Finding) -> Option<FileId> {
    finding.locations.first().map(|l| l.span.file)
}

/// Rules whose findings about several things in one directory have one cause: a patch, a template or a habit.
const OF_DIRECTORIES: &[&str] = &["manifest-invalid", "kafka-replication"];

/// Joins the same defect of several things of one kind in one directory.
fn of_one_directory<'a>(all: Vec<Finding>, path: impl Fn(FileId) -> &'a Path) -> Vec<Finding> {
    let mut joined: Vec<Finding> = Vec::with_capacity(all.len());
    let mut index: HashMap<(ProjectId, &Path, String, Option<Severity>, Said), usize> = HashMap::default();
    for finding in all {
        let place = finding.locations.first().map(|l| path(l.span.file));
        let directory = place
            .and_then(Path::parent)
            .filter(|_| OF_DIRECTORIES.contains(&finding.rule.as_str()));
        let Some(directory) = directory else {
            joined.push(finding);
            continue;
        };
        let kind = finding
            .subject
            .as_str()
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        let said = said_of_any(&finding);
        match index.entry((finding.project, directory, kind, finding.severity, said)) {
            Entry::Occupied(known) => absorb(&mut joined[*known.get()], finding),
            Entry::Vacant(new) => {
                new.insert(joined.len());
                joined.push(finding);
            }
        }
    }
    joined.iter_mut().for_each(name_once);
    joined
}

/// The subjects of a finding as a set: one line may have thousands.
fn subjects(finding: &Finding) -> BTreeSet<&str> {
    finding.subjects.iter().map(Subject::as_str).collect()
}

/// Whether only one thing in a cluster can have this name: an object with its namespace, or an image.
fn is_named_once(subject: &str) -> bool {
    subject.starts_with("image ") || subject.starts_with(char::is_uppercase) && subject.contains('/')
}

/// Whether two paths differ in one directory (`clusters/a/web.yaml`, `clusters/b/web.yaml`), and the file has one name.
fn differ_in_one_directory(a: &Path, b: &Path) -> bool {
    let parts = |path: &Path| path.components().count();
    let differing = |(a, b): &(Component<'_>, Component<'_>)| a != b;
    parts(a) == parts(b)
        && a.file_name() == b.file_name()
        && a.components().zip(b.components()).filter(differing).count() == 1
}

/// How many findings are worth joining before the others are there. Fewer need little memory.
const MANY: usize = 200;

/// Joins the findings of one rule in some environments before they meet the others: hundreds of overlays of one base find
/// the same hundreds of times. This waits for nothing, since a thread that waits would begin another rule and keep the
/// findings of both.
pub(crate) fn early(all: Vec<Finding>) -> Vec<Finding> {
    if all.len() < MANY {
        return all;
    }
    let keys = all.iter().map(subject_key).collect();
    let joined = by_subject(all, keys);
    let keys = joined.iter().map(line_key).collect();
    by_line(joined, keys)
}

fn line_key(finding: &Finding) -> Option<LineKey> {
    Some((finding.locations.first()?.span, said_of_any(finding)))
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

/// Shows the namespaces of subjects that would look the same without them.
fn show_namespaces(finding: &mut Finding) {
    if finding.subjects.len() < 2 {
        return;
    }
    let mut seen = HashSet::default();
    if finding
        .subjects
        .iter()
        .all(|subject| seen.insert(subject.as_str()))
    {
        return;
    }
    for subject in std::iter::once(&mut finding.subject).chain(&mut finding.subjects) {
        *subject = subject.with_namespace();
    }
}

/// Names the other subjects of the finding: their number and the first three.
fn name_others(finding: &mut Finding) {
    let total = finding.subjects.len();
    if total < 2 {
        return;
    }
    let others = total - 1;
    // Then each environment has one: it is one thing in all of them.
    let of_environments = total == finding.environments.len() + finding.elsewhere.len();
    let shown: Vec<&str> = finding.subjects.iter().take(3).map(Subject::as_str).collect();
    let names = match total - shown.len() {
        0 => shown.join(", "),
        n => format!("{} and {n} more", shown.join(", ")),
    };
    finding.title = match of_environments {
        true => format!(
            "{} (and the same in {})",
            finding.title,
            count(others as u64, "other environment")
        ),
        false => format!("{} (and the same for {others} more)", finding.title),
    };
    let sentence = match finding.also_at.is_empty() {
        true => format!("The same line causes this {total} times: for {names}."),
        false => format!("This is so {total} times: for {names}."),
    };
    finding.explanation = format!("{} {sentence}", finding.explanation).trim().to_owned();
}

/// What makes two of them the same.
type UnjudgedKey = (RuleId, String, Vec<Missing>, Option<String>);

/// Joins results of "could not judge" with the same reason in several environments.
pub(crate) fn unjudged(all: Vec<Unjudged>) -> Vec<Unjudged> {
    let mut joined: Vec<Unjudged> = Vec::new();
    let mut index: HashMap<UnjudgedKey, usize> = HashMap::default();
    for one in all {
        let key = (
            one.rule.clone(),
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
    joined.sort_by(|a, b| (&a.rule, &a.subject, &a.needs).cmp(&(&b.rule, &b.subject, &b.needs)));
    joined
}

#[cfg(test)]
mod tests;
