use super::{skipped, summary};
use crate::engine::Report;
use crate::finding::{Finding, Severity, Unjudged};
use crate::report::names::Names;
use crate::report::text::Style;
use crate::report::unjudged::{not_judged, reasons};
use cofferdam_model::registry::{Missing, Need, kafka, services, topics};
use cofferdam_model::{Apart, Deployment, DeploymentKind, Opening, PlaceApart, Platform, ProjectId};
use cofferdam_model::{Environment, FileId, Project, SourceFile, Span};
use std::collections::BTreeSet;
use std::path::PathBuf;

fn unjudged(subject: &str, needs: &[Missing]) -> Unjudged {
    Unjudged {
        rule: crate::RuleId::new("a-rule"),
        environments: vec!["default".to_owned()],
        subject: subject.to_owned(),
        needs: needs.to_vec(),
        partial: Some("half of it is known".to_owned()),
    }
}

#[test]
fn each_reason_is_listed_once_and_the_most_frequent_first() {
    let rate = |name| {
        Need::of(&services::REQUESTS_PER_SECOND, name)
            .because("peak load")
            .into()
    };
    let all = [
        unjudged("topic a", &[Need::of(&topics::PARTITIONS, "a").into()]),
        unjudged(
            "producer of x",
            &[
                rate("x"),
                Need::one(&kafka::REPLICATION_LAG).because("lag").into(),
            ],
        ),
        unjudged("producer of y.z", &[rate("y.z")]),
        unjudged("producer of y.z again", &[rate("y.z")]),
        unjudged("Deployment a", &["the database, under `databases`".into()]),
        unjudged("Deployment b", &["the database, under `databases`".into()]),
        unjudged(
            "pool of p",
            &[
                Need::of(&services::POOL_SIZE, "p").because("size").into(),
                Need::of(&services::POOL_SIZE, "q").because("other words").into(),
            ],
        ),
    ];
    assert_eq!(
        reasons(&all),
        [
            "2 services: peak load not declared (services.NAME.requests_per_second)",
            "2 services: pool size not declared (services.NAME.pool.size)",
            "Deployment a and 1 more: need the database, under `databases`",
            "1 topic: partitions not declared (kafka.topics.a.partitions)",
            "lag not declared (kafka.replication_lag)",
        ]
    );
    let text = |verbose| {
        let mut out = String::new();
        let style = Style {
            verbose,
            ..Style::default()
        };
        not_judged(&mut out, &all, style);
        out
    };
    assert_eq!(text(true).matches("    - a-rule: ").count(), all.len());
    assert_eq!(text(false).matches("    - ").count(), 5);
    assert!(text(true).contains("half of it is known") && !text(false).contains("half of it is known"));
}

/// A platform with one project at the root and one for each of these directories.
fn platform(directories: &[(&str, Option<Apart>)]) -> Platform {
    let mut platform = Platform::default();
    platform.reading.formats.insert("Kubernetes".to_owned(), 1);
    for (at, (directory, apart)) in std::iter::once(&("", None)).chain(directories).enumerate() {
        platform.scope.projects.push(Project {
            root: directory.into(),
            apart: *apart,
        });
        let path = std::path::Path::new(directory).join("a.yaml");
        platform.sources.add(SourceFile::new(path, "a: 1\n"));
        if let Some(why) = apart {
            platform.scope.places_apart.push(PlaceApart {
                directory: directory.into(),
                file: None,
                why: *why,
                files: 1,
            });
        }
        platform.environments.push(Environment {
            name: "default".to_owned(),
            project: project(at),
            ..Environment::default()
        });
    }
    platform
}

fn project(at: usize) -> ProjectId {
    ProjectId(u32::try_from(at).unwrap())
}

fn finding(at: usize, apart: Option<Apart>) -> Finding {
    let file = FileId(u32::try_from(at).unwrap());
    let mut finding = Finding::new("a", "a: wrong").at(Span::new(file, 0, 1), "");
    finding.severity = Some(Severity::Low);
    finding.project = project(at);
    finding.apart = apart;
    finding.environments = vec!["default".to_owned()];
    finding
}

fn text(report: &Report, platform: &Platform) -> String {
    let mut out = String::new();
    summary(&mut out, report, platform, Style::default());
    out
}

#[test]
fn separate_places_are_counted_by_reason() {
    let (examples, tests) = (Some(Apart::Examples), Some(Apart::Tests));
    let platform = platform(&[
        ("deploy/tests", tests),
        ("docs", Some(Apart::Documentation)),
        ("examples", examples),
        ("more/examples", examples),
    ]);
    let report = |apart: Vec<Finding>| Report {
        apart,
        ..Report::default()
    };
    let found = report(vec![
        finding(1, tests),
        finding(3, examples),
        finding(4, examples),
    ]);
    let shown = text(&found, &platform);
    assert!(
        shown.contains(
            "apart: 2 findings in examples (examples/, more/examples/), 1 in tests (deploy/tests/), none in\n    \
                 documentation (docs/); --all shows them\n"
        ),
        "{shown}"
    );
    assert!(shown.starts_with("no findings\n"), "{shown}");
    let none = text(&report(Vec::new()), &platform);
    assert!(
        none.contains("apart: tests (deploy/tests/), examples (examples/, more/examples/), documentation (docs/): no findings\n"),
        "{none}"
    );
    assert!(!text(&report(Vec::new()), &self::platform(&[])).contains("apart"));
}

#[test]
fn environments_name_their_project_only_if_several_projects_have_findings() {
    let mut platform = platform(&[("shop", None), ("till", None)]);
    let report = |findings: Vec<Finding>| Report {
        findings,
        environments: vec!["default".to_owned()],
        ..Report::default()
    };
    let one = report(vec![finding(1, None)]);
    assert!(text(&one, &platform).contains("environments: default\n"));
    assert_eq!(Names::of(&one, &platform).holds_in(&one.findings[0]), "");
    let two = report(vec![finding(1, None), finding(2, None)]);
    assert!(text(&two, &platform).contains("environments: shop/default, till/default\n"));
    assert_eq!(
        Names::of(&two, &platform).holds_in(&two.findings[1]),
        "till/default"
    );
    // The environments of a single project are named without the project.
    platform.environments.push(Environment {
        name: "production".to_owned(),
        project: project(1),
        ..Environment::default()
    });
    assert_eq!(Names::of(&one, &platform).holds_in(&one.findings[0]), "default");
}

#[test]
fn skipped_files_are_listed_up_to_a_number() {
    let paths = |n: usize| {
        (0..n)
            .map(|i| PathBuf::from(format!("f{i}.md")))
            .collect::<Vec<_>>()
    };
    let shown = |n| {
        let mut out = String::new();
        skipped(&mut out, &paths(n));
        out
    };
    assert_eq!(shown(0), "");
    assert_eq!(shown(1), "skipped (no configuration):\n    - f0.md\n");
    assert_eq!(shown(41).lines().count(), 42);
    assert!(shown(60).ends_with("    - f39.md\n    - and 20 more\n"));
}

#[test]
fn deployments_are_counted_by_kind_with_their_environments() {
    let mut platform = platform(&[("examples", Some(Apart::Examples))]);
    let mut add = |at: usize, kind, environment: Option<&str>| {
        platform.scope.deployments.push(Deployment {
            project: project(at),
            kind,
            root: "x".into(),
            name: None,
            environment: environment.map(str::to_owned),
            cluster: None,
            objects: 1,
            kept_replicas: Vec::new(),
        });
    };
    add(0, DeploymentKind::Manifests, None);
    add(0, DeploymentKind::Kustomize, Some("staging"));
    add(0, DeploymentKind::Kustomize, Some("production"));
    add(1, DeploymentKind::Compose, None);
    for name in ["production", "staging"] {
        platform.environments.push(Environment {
            name: name.to_owned(),
            ..Environment::default()
        });
    }
    let mut report = Report {
        environments: vec!["production".to_owned(), "staging".to_owned()],
        ..Report::default()
    };
    let shown = text(&report, &platform);
    assert!(
        shown.contains("3 deployments: 2 kustomize (production, staging), 1 set of manifests\n"),
        "{shown}"
    );
    report.environments.pop();
    let shown = text(&report, &platform);
    assert!(
        shown.contains("2 deployments: 1 kustomize (production), 1 set of manifests\n"),
        "{shown}"
    );
    report.all = true;
    assert!(text(&report, &platform).contains("3 deployments: "));
}

#[test]
fn an_open_scope_names_its_only_reason_or_the_number_of_reasons() {
    let mut platform = platform(&[]);
    let open = |reason: &str| Opening {
        project: ProjectId(0),
        environment: None,
        kinds: BTreeSet::new(),
        reason: reason.to_owned(),
        span: None,
        ..Opening::default()
    };
    assert!(!text(&Report::default(), &platform).contains("open: "));
    platform.scope.openings.push(open("the chart redis was not read"));
    assert!(
        text(&Report::default(), &platform)
            .contains("open: the chart redis was not read; missing things may be there\n")
    );
    platform.scope.openings.push(open("the chart kafka was not read"));
    platform.scope.openings.push(open("the chart kafka was not read"));
    assert!(text(&Report::default(), &platform).contains("open: 2 things were not read; "));
}
