//! Tests of what is joined, and how the joined finding reads.

use super::*;
use crate::finding::{Confidence, Severity};
use cofferdam_model::{FileId, SourceFile};
use cofferdam_syntax::sorted::SortedSet;

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

/// Files of clusters, and two that are no copies of one another.
fn sources() -> SourceMap {
    let mut sources = SourceMap::default();
    for path in [
        "clusters/a/web.yaml",
        "clusters/b/web.yaml",
        "base/deploy.yaml",
        "teams/orders/web.yaml",
    ] {
        sources.add(SourceFile::new(path.into(), String::new()));
    }
    sources
}

fn findings(all: Vec<Finding>) -> Vec<Finding> {
    of_one_line(of_one_subject(all), &sources())
}

#[test]
fn one_subject_in_several_variants_is_one_finding() {
    let of = |variant: Option<&str>, at: usize, title: &str| {
        let mut finding = found(0, "Deployment web", at);
        finding.environments = vec!["default".to_owned()];
        finding.variants = SortedSet::one(variant.map(str::to_owned));
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
        finding.subject = "secret PASSWORD".into();
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
    assert_eq!(
        joined[0].title,
        "Deployment ns0/web: no requests (and the same for 4 more)"
    );
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
    assert_eq!(
        joined[0].title,
        "Deployment a/api: `web` has no limit (and the same for 1 more)"
    );
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
    assert_eq!(places, [0, 2], "the place in production comes first");
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
fn a_joined_finding_is_as_severe_and_as_certain_as_the_worst() {
    let joined = findings(vec![
        found(0, "Deployment a/web", 1).severity(Severity::Low),
        found(0, "Deployment b/web", 1).severity(Severity::High).likely(),
    ]);
    assert_eq!(joined.len(), 1);
    assert_eq!(
        joined[0].subject, "Deployment b/web",
        "the worst one gives its name"
    );
    assert_eq!(joined[0].severity, Some(Severity::High));
    assert_eq!(joined[0].confidence, Confidence::Likely);
    // Of equal ones the most certain leads, and what the others assume is not said of it.
    let joined = findings(vec![
        found(0, "Deployment a/web", 1).assume("a default"),
        found(0, "Deployment b/web", 1),
        found(0, "Deployment c/web", 1).likely(),
    ]);
    assert_eq!(joined[0].subject, "Deployment b/web");
    assert_eq!(joined[0].confidence, Confidence::Certain);
    assert!(joined[0].assumptions.is_empty(), "{:?}", joined[0].assumptions);
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
        one.subjects = vec!["web".into()];
        one
    };
    assert_eq!(
        of_one_line(vec![with_subject(), with_subject()], &sources())[0].subjects,
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
        rule: RuleId::new(rule),
        environments: vec![name.to_owned()],
        subject: subject.to_owned(),
        needs: vec!["a limit".into()],
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
    assert_eq!(findings(vec![found(0, "a", 1), found(1, "a", 2)]).len(), 2);
    let mut other = found(0, "b", 1);
    other.title = "b: no limits".to_owned();
    assert_eq!(findings(vec![found(0, "a", 1), other]).len(), 2);
}

#[test]
fn figures_do_not_make_two_findings_of_one_cause() {
    let of = |environment: &str, users: u32| {
        let mut one = found(0, "secret db/password", 1).figure("uses", users, "uses");
        one.environments = vec![environment.to_owned()];
        one
    };
    let joined = findings(vec![of("staging", 2), of("production", 3)]);
    assert_eq!(joined.len(), 1);
    assert_eq!(joined[0].figures["uses"].value, 3.0, "production is shown");
    assert_eq!(joined[0].environments, ["production", "staging"]);
}

#[test]
fn titles_that_name_what_differs_between_environments_have_one_cause() {
    let of = |environment: &str, users: &str, alike: bool| {
        let mut one = found(0, "secret db/password", 1);
        one.title = format!("{users} get the secret db/password");
        one.alike = alike;
        one.environments = vec![environment.to_owned()];
        one
    };
    let both = |alike| {
        findings(vec![
            of("staging", "a and b", alike),
            of("test", "a, b and c", alike),
        ])
        .len()
    };
    assert_eq!((both(true), both(false)), (1, 2));
}

#[test]
fn copies_of_one_file_are_one_finding() {
    let of = |subject: &str, file: u32| {
        let mut one = found(0, subject, 1);
        one.environments = vec!["production".to_owned()];
        one.locations[0].span.file = FileId(file);
        one
    };
    let count = |subject: &str, files: [u32; 2]| findings(files.map(|file| of(subject, file)).into()).len();
    // One directory for each cluster.
    assert_eq!(count("Namespace shop", [0, 1]), 1);
    assert_eq!(count("Deployment web", [0, 1]), 1);
    // A cluster has one object with this name in this namespace; one without a namespace may be in two.
    assert_eq!(count("Deployment shop/web", [0, 2]), 1);
    assert_eq!(count("Deployment web", [0, 2]), 2);
    assert_eq!(count("image web:1", [2, 3]), 1);
    assert_eq!(count("secret db/password", [2, 3]), 2);
    let joined = findings(vec![of("Deployment shop/web", 0), of("Deployment shop/web", 1)]);
    assert_eq!(joined[0].also_at, [Span::new(FileId(1), 1, 2)]);
    assert_eq!(joined[0].title, "Deployment shop/web: no requests");
}

#[test]
fn one_file_of_two_projects_is_one_finding_that_names_the_environments_of_both() {
    let joined = findings(vec![found(0, "web", 1), found(1, "web", 1)]);
    assert_eq!(joined.len(), 1);
    let mut of = [found(0, "web", 1), found(1, "web", 1)];
    of[0].environments = vec!["staging".to_owned()];
    of[1].environments = vec!["production".to_owned()];
    let joined = findings(of.into());
    assert_eq!(joined[0].project, ProjectId(1), "production is shown");
    assert_eq!(joined[0].environments, ["production"]);
    assert_eq!(joined[0].elsewhere, [(ProjectId(0), "staging".to_owned())]);
}

#[test]
fn one_thing_in_several_environments_is_counted_in_environments() {
    let of = |environment: &str, severity| {
        let mut one = found(0, &format!("database catalog-{environment}"), 1).severity(severity);
        one.environments = vec![environment.to_owned()];
        one
    };
    let all = vec![
        of("development", Severity::Low),
        of("production", Severity::High),
        of("staging", Severity::High),
    ];
    let joined = findings(all);
    assert_eq!(
        joined[0].title,
        "database catalog-production: no requests (and the same in 2 other environments)"
    );
    assert_eq!(joined[0].subject, "database catalog-production");
    assert_eq!(joined[0].subjects.len(), 3);
}

#[test]
fn one_defect_of_several_things_in_a_directory_is_one_finding() {
    let of = |rule: &'static str, name: &str, file: u32| {
        let mut one = found(0, &format!("PersistentVolumeClaim hub/{name}"), 1);
        one.rule = RuleId::new(rule);
        one.title = format!("{} is refused: requires `spec.accessModes`", one.subject);
        one.locations[0].span = Span::new(FileId(file), name.len(), name.len() + 1);
        one
    };
    let all =
        |rule: &'static str, file: u32| vec![of(rule, "a", 0), of(rule, "bb", 0), of(rule, "ccc", file)];
    let joined = findings(all("manifest-invalid", 0));
    assert_eq!(joined.len(), 1);
    assert!(
        joined[0].title.ends_with("(and the same for 2 more)"),
        "{}",
        joined[0].title
    );
    assert!(joined[0].explanation.starts_with("This is so 3 times: for "));
    assert_eq!(findings(all("manifest-invalid", 2)).len(), 2);
    assert_eq!(findings(all("single-replica", 0)).len(), 3);
}

#[test]
fn clusters_of_one_environment_say_the_same_once() {
    let of = |cluster: Option<&str>, subject: &str, at: usize, title: &str| {
        let mut finding = found(0, subject, at);
        finding.environments = vec!["production".to_owned()];
        finding.clusters = SortedSet::one(cluster.map(str::to_owned));
        finding.title = title.to_owned();
        finding
    };
    let count = |a, b| of_one_subject(vec![a, b]).len();
    let web = |cluster, at, title| of(cluster, "Deployment shop/web", at, title);
    assert_eq!(count(web(Some("eu"), 1, "two"), web(Some("us"), 9, "two")), 1);
    // What differs is said of each.
    assert_eq!(count(web(Some("eu"), 1, "two"), web(Some("us"), 9, "three")), 2);
    assert_eq!(count(web(Some("eu"), 1, "two"), web(Some("eu"), 9, "two")), 2);
    assert_eq!(count(web(None, 1, "two"), web(None, 9, "two")), 2);
    let list = |cluster, at, title| of(cluster, "network policies", at, title);
    assert_eq!(
        count(list(Some("eu"), 1, "a and b"), list(Some("us"), 9, "a and c")),
        1
    );
    assert_eq!(
        count(list(Some("eu"), 1, "a and b"), list(Some("eu"), 9, "a and c")),
        2
    );
    let named = |cluster, title| of(Some(cluster), "database main", 1, title);
    assert_eq!(
        count(named("eu", "database main: x"), named("us", "database main: y")),
        2
    );
}

#[test]
fn thousands_of_places_of_one_name_are_compared_in_groups() {
    let of = |environment: &str, at: usize| {
        let mut finding = found(0, "secret PASSWORD", at);
        finding.environments = vec![environment.to_owned()];
        finding
    };
    // Few are compared one by one, and many in groups: with the same result.
    for count in [10, 20_000] {
        let all = (0..count).map(|at| of("production", at));
        let again = (0..count).map(|at| of("staging", at));
        let joined = of_one_subject(all.chain(again).chain([of("staging", count)]).collect());
        assert_eq!(joined.len(), count + 1);
        for finding in &joined[..count] {
            assert_eq!(finding.environments, ["production", "staging"]);
        }
        assert_eq!(of_copies(joined, |file| sources_path(file)).len(), count + 1);
    }
}

fn sources_path(file: FileId) -> &'static Path {
    Path::new(["clusters/a/web.yaml", "clusters/b/web.yaml"][file.0 as usize])
}
