//! Joins findings with one cause: a finding that is the same in several environments, or in several builds of
//! one line, is reported once.

use crate::finding::{Finding, Location, Unjudged};
use cofferdam_model::{ProjectId, Span};
use cofferdam_syntax::hash::{HashMap, HashSet};
use rayon::prelude::*;

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
            others.find(|at| is_of_another_variant(&joined[*at], &finding))
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
    let both = a.environments.iter().any(|name| b.environments.contains(name)) && !are_variants(a, b);
    both && matches!((place(a), place(b)), (Some(one), Some(other)) if one != other && !a.also_at.contains(&other))
}

/// Whether two findings are of variants that are never installed together.
fn are_variants(a: &Finding, b: &Finding) -> bool {
    let is_one = |finding: &Finding| !finding.variants.is_empty() && !finding.variants.contains(&None);
    is_one(a) && is_one(b) && a.variants.is_disjoint(&b.variants)
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
mod tests {
    use super::*;
    use crate::finding::{Confidence, Severity};
    use cofferdam_model::FileId;
    use std::collections::BTreeSet;

    #[test]
    fn a_finding_of_several_environments_has_the_text_and_places_of_the_worst() {
        let of = |name: &str, severity: Severity, limit: &str, file: u32| {
            let mut finding = found(0, "queue a", 3)
                .severity(severity)
                .explain(format!("killed at {limit}"))
                .at(Span::new(FileId(file), 9, 10), format!("limit {limit}"));
            finding.environments = vec![name.to_owned()];
            finding
        };
        let development = || of("development", Severity::Medium, "512 MiB", 1);
        let production = || of("production", Severity::High, "2 GiB", 2);
        for all in [[development(), production()], [production(), development()]] {
            let joined = of_one_subject(all.into());
            assert_eq!(joined.len(), 1);
            assert_eq!(joined[0].explanation, "killed at 2 GiB");
            let files: Vec<u32> = joined[0].locations.iter().map(|l| l.span.file.0).collect();
            assert_eq!(files, [0, 2]);
            assert_eq!(joined[0].environments.len(), 2);
        }
    }

    fn found(project: u32, subject: &str, at: usize) -> Finding {
        let mut finding = Finding::new(subject, format!("{subject}: no requests"))
            .at(Span::new(FileId(0), at, at + 1), "the workload");
        finding.project = ProjectId(project);
        finding
    }

    fn findings(all: Vec<Finding>) -> Vec<Finding> {
        of_one_line(of_one_subject(all))
    }

    #[test]
    fn one_subject_in_several_variants_is_one_finding() {
        let of = |variant: Option<&str>, at: usize, title: &str| {
            let mut finding = found(0, "Deployment web", at);
            finding.environments = vec!["default".to_owned()];
            finding.variants = BTreeSet::from([variant.map(str::to_owned)]);
            finding.title = title.to_owned();
            finding
        };
        let count = |findings: Vec<Finding>| of_one_subject(findings).len();
        assert_eq!(
            count(vec![of(Some("ha"), 1, "two"), of(Some("minimal"), 9, "three")]),
            1
        );
        assert_eq!(
            count(vec![of(Some("ha"), 1, "two"), of(Some("minimal"), 9, "two")]),
            1
        );
        let secret = |variant: &str, at: usize| {
            let mut finding = of(Some(variant), at, &format!("{at}"));
            finding.subject = "secret PASSWORD".to_owned();
            finding.locations[0].span.file = cofferdam_model::FileId(u32::try_from(at).unwrap());
            finding
        };
        assert_eq!(count(vec![secret("ha", 1), secret("minimal", 9)]), 2);
        // In one variant they are two things with one name.
        assert_eq!(
            count(vec![of(Some("ha"), 1, "two"), of(Some("ha"), 9, "three")]),
            2
        );
        assert_eq!(count(vec![of(None, 1, "two"), of(None, 9, "two")]), 2);
        assert_eq!(count(vec![of(None, 1, "two"), of(None, 9, "three")]), 2);
    }

    #[test]
    fn one_line_of_many_overlays_is_one_finding_that_names_all() {
        let all: Vec<Finding> = (0..5)
            .map(|n| found(0, &format!("Deployment ns{n}/web"), 7))
            .collect();
        let joined = findings(all);
        assert_eq!(joined.len(), 1);
        assert_eq!(joined[0].title, "Deployment ns0/web and 4 more: no requests");
        assert_eq!(joined[0].subject, "Deployment ns0/web");
        assert_eq!(joined[0].subjects.len(), 5);
        assert_eq!(joined[0].subjects[4], "Deployment ns4/web");
        let sentence = "5 times: for Deployment ns0/web, Deployment ns1/web, Deployment ns2/web and 2 more.";
        assert!(
            joined[0].explanation.contains(sentence),
            "{}",
            joined[0].explanation
        );
    }

    #[test]
    fn two_objects_of_one_name_in_one_environment_are_two_findings() {
        let of = |environment: &str, at| {
            let mut one = found(0, "Deployment web", at);
            one.environments = vec![environment.to_owned()];
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
    fn what_was_joined_once_is_joined_again() {
        let of = |environment: &str, at| {
            let mut one = found(0, "secret PASSWORD", at);
            one.environments = vec![environment.to_owned()];
            one
        };
        // Two environments find the same, and what holds in none of them is found in both.
        let all = || {
            let mut all = Vec::new();
            for named in ["production", "staging"] {
                all.extend([of(named, 2), of("default", 1), of("default", 3)]);
            }
            all
        };
        let places = |findings: Vec<Finding>| -> Vec<Vec<u32>> {
            let of = |f: &Finding| {
                let own = f.locations.iter().map(|l| l.span);
                own.chain(f.also_at.iter().copied())
                    .map(|span| span.start)
                    .collect()
            };
            findings.iter().map(of).collect()
        };
        assert_eq!(places(findings(all())), [vec![2, 1], vec![3]]);
        let twice = of_one_subject(all()).into_iter().chain(of_one_subject(all()));
        assert_eq!(places(findings(twice.collect())), [vec![2, 1], vec![3]]);
    }

    #[test]
    fn a_title_that_does_not_begin_with_its_subject_says_that_there_are_more() {
        let one = |n: usize| {
            let mut finding = found(0, &format!("topic t{n}"), 7);
            finding.title = format!("one copy of topic t{n}");
            finding
        };
        let joined = findings(vec![one(0), one(1), one(2)]);
        assert_eq!(joined[0].title, "one copy of topic t0 (and the same for 2 more)");
        assert!(
            joined[0]
                .explanation
                .ends_with("3 times: for topic t0, topic t1, topic t2.")
        );
    }

    #[test]
    fn a_title_may_name_only_the_beginning_of_its_subject() {
        let one = |namespace: &str| {
            let mut finding = found(0, &format!("Deployment {namespace}/api container web"), 7);
            finding.title = format!("Deployment {namespace}/api: `web` has no limit");
            finding
        };
        let joined = findings(vec![one("a"), one("b")]);
        assert_eq!(joined.len(), 1);
        assert_eq!(joined[0].title, "Deployment a/api and 1 more: `web` has no limit");
    }

    #[test]
    fn environments_are_sorted_and_listed_once() {
        let of = |name: &str| {
            let mut finding = found(0, "web", 1);
            finding.environments = vec![name.to_owned()];
            finding
        };
        // Two clusters of one environment have the same name.
        let joined = findings(vec![of("staging"), of("production"), of("staging")]);
        assert_eq!(joined.len(), 1);
        assert_eq!(joined[0].environments, ["production", "staging"]);
        assert_eq!(joined[0].subjects, ["web"]);
        assert_eq!(joined[0].title, "web: no requests");
    }

    #[test]
    fn each_place_of_a_joined_finding_is_kept() {
        let of = |name: &str, file: u32, place: usize| {
            let span = Span::new(FileId(file), place, place + 1);
            let mut finding = Finding::new("image api", "api:1 is named by a tag").at(span, "the tag");
            finding.environments = vec![name.to_owned()];
            finding
        };
        let joined = findings(vec![
            of("development", 0, 1),
            of("production", 1, 4),
            of("staging", 2, 1),
            of("test", 0, 1),
        ]);
        assert_eq!(joined.len(), 1);
        assert_eq!(joined[0].locations.len(), 1);
        let places: Vec<u32> = joined[0].also_at.iter().map(|span| span.file.0).collect();
        assert_eq!(places, [1, 2]);
    }

    #[test]
    fn the_same_of_two_clusters_of_one_environment_is_one() {
        let same = || {
            let mut one = found(0, "web", 1);
            one.environments = vec!["production".to_owned()];
            one
        };
        assert_eq!(of_one_subject(vec![same(), same()]).len(), 1);
    }

    #[test]
    fn a_joined_finding_is_as_severe_as_the_worst_and_as_certain_as_the_weakest() {
        let joined = findings(vec![
            found(0, "Deployment a/web", 1).severity(Severity::Low),
            found(0, "Deployment b/web", 1).severity(Severity::High).likely(),
        ]);
        assert_eq!(joined.len(), 1);
        assert_eq!(
            joined[0].subject, "Deployment a/web",
            "the first one gives its name"
        );
        assert_eq!(joined[0].severity, Some(Severity::High));
        assert_eq!(joined[0].confidence, Confidence::Likely);
    }

    #[test]
    fn a_joined_finding_is_apart_only_where_all_are() {
        let of = |name: &str, apart| {
            let mut one = found(0, "web", 1);
            one.environments = vec![name.to_owned()];
            one.apart = apart;
            one
        };
        let apart = |a, b| findings(vec![of("production", a), of("staging", b)])[0].apart;
        let examples = Some(cofferdam_model::Apart::Examples);
        assert_eq!(apart(examples, examples), examples);
        assert_eq!(apart(examples, None), None);
        assert_eq!(apart(None, examples), None);
    }

    #[test]
    fn assumptions_subjects_and_places_are_joined_each_once() {
        let of = |name: &str, assumption: &str, place: usize| {
            let mut one = found(0, "web", place).assume(assumption);
            one.environments = vec![name.to_owned()];
            one
        };
        let joined = findings(vec![
            of("production", "a", 1),
            of("staging", "b", 2),
            of("test", "b", 2),
        ]);
        assert_eq!(joined.len(), 1);
        assert_eq!(joined[0].assumptions, ["a", "b"]);
        assert_eq!(joined[0].also_at, [Span::new(FileId(0), 2, 3)]);
        let with_subject = || {
            let mut one = found(0, "web", 1);
            one.subjects = vec!["web".to_owned()];
            one
        };
        assert_eq!(
            of_one_line(vec![with_subject(), with_subject()])[0].subjects,
            ["web"]
        );
    }

    #[test]
    fn places_in_other_files_are_added_where_the_text_is_the_same() {
        let of = |name: &str, text: &str, files: [u32; 2], label: &str| {
            let [one, other] = files.map(|file| Span::new(FileId(file), 5, 6));
            let mut finding = Finding::new("web", "web: no requests")
                .explain(text)
                .at(one, "the workload")
                .at(other, label);
            finding.environments = vec![name.to_owned()];
            finding
        };
        let files = |other: Finding| {
            let joined = findings(vec![of("production", "same", [0, 1], "base"), other]);
            let files = joined[0].locations.iter().map(|l| l.span.file.0);
            files.collect::<Vec<_>>()
        };
        assert_eq!(files(of("staging", "same", [2, 3], "overlay")), [0, 1, 3]);
        assert_eq!(files(of("staging", "same", [2, 3], "base")), [0, 1]);
        assert_eq!(files(of("staging", "same", [2, 1], "overlay")), [0, 1]);
        assert_eq!(files(of("staging", "other", [2, 3], "overlay")), [0, 1]);
        // Of several subjects each has a text of its own.
        let line = |subject: &str, file: u32| {
            found(0, subject, 1)
                .explain(format!("{subject} is not limited"))
                .at(Span::new(FileId(file), 5, 6), format!("overlay {file}"))
        };
        let joined = findings(vec![line("Deployment a/web", 1), line("Deployment b/web", 2)]);
        let files: Vec<u32> = joined[0].locations.iter().map(|l| l.span.file.0).collect();
        assert_eq!(files, [0, 1, 2]);
    }

    #[test]
    fn only_names_are_left_out_of_what_is_compared() {
        let of = |subject: &str, title: &str| {
            let mut one = found(0, subject, 7);
            one.title = title.to_owned();
            one
        };
        let all = vec![
            of("topic orders", "topic orders: one copy of the topic"),
            of("queue orders", "queue orders: one copy of the queue"),
        ];
        assert_eq!(findings(all).len(), 2);
        let all = vec![
            of("topic a", "one copy: topic a"),
            of("topic b", "one copy: topic b"),
        ];
        assert_eq!(
            findings(all)[0].title,
            "one copy: topic a (and the same for 1 more)"
        );
        let nowhere = Finding::new("web", "web: no requests");
        assert_eq!(
            findings(vec![nowhere]).len(),
            1,
            "one without a place is of no line"
        );
    }

    #[test]
    fn what_could_not_be_judged_is_joined_over_environments_and_sorted() {
        let of = |rule: &'static str, subject: &str, name: &str| Unjudged {
            rule,
            environments: vec![name.to_owned()],
            subject: subject.to_owned(),
            needs: vec!["a limit".to_owned()],
            partial: None,
        };
        let joined = unjudged(vec![
            of("b", "web", "production"),
            of("a", "web", "staging"),
            of("b", "web", "staging"),
            of("b", "web", "production"),
            of("b", "api", "production"),
        ]);
        let shown: Vec<String> = joined
            .iter()
            .map(|one| format!("{} {}: {}", one.rule, one.subject, one.environments.join(" ")))
            .collect();
        assert_eq!(
            shown,
            ["a web: staging", "b api: production", "b web: production staging"]
        );
    }

    #[test]
    fn other_lines_titles_or_projects_stay_separate() {
        assert_eq!(findings(vec![found(0, "a", 1), found(0, "b", 2)]).len(), 2);
        assert_eq!(findings(vec![found(0, "a", 1), found(1, "a", 1)]).len(), 2);
        let mut other = found(0, "b", 1);
        other.title = "b: no limits".to_owned();
        assert_eq!(findings(vec![found(0, "a", 1), other]).len(), 2);
    }
}
