//! What was not read, each once, and where it counts.

use crate::pipeline::read_files;
use cofferdam_model::{Absence, Opening, Platform};
use std::path::PathBuf;

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

/// The openings whose reason has these words.
fn openings(platform: &Platform, words: &str) -> Vec<Opening> {
    let all = platform
        .scope
        .openings
        .iter()
        .filter(|o| o.reason.contains(words));
    all.cloned().collect()
}

fn in_part(platform: &Platform) -> Vec<String> {
    platform.scope.in_part.values().flatten().cloned().collect()
}

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";
const BROKEN: &str = "a: {{ if }\n";

#[test]
fn one_reason_of_several_places_is_one_opening() {
    let found = platform(&[
        ("c/Chart.yaml", "apiVersion: v2\nname: c\n"),
        ("c/templates/a.yaml", BROKEN),
        ("c/templates/b.yaml", BROKEN),
        (
            "far.tf",
            "module \"ledger\" {\n  source = \"r.example.org/h/database/aws\"\n}\n",
        ),
    ]);
    let templates = openings(&found, "could not be rendered");
    assert_eq!(templates.len(), 1);
    assert_eq!(
        templates[0].at,
        ["c/templates/a.yaml", "c/templates/b.yaml"]
            .map(PathBuf::from)
            .into()
    );
    assert_eq!(openings(&found, "the module ledger").len(), 1);
}

#[test]
fn templates_of_manifests_are_one_opening_in_each_environment() {
    let template = "apiVersion: v1\nkind: ResourceQuota\nmetadata:\n  name: pods\n  namespace: {{ namespace }}\nspec: {hard: {pods: 2}}\n";
    let found = platform(&[
        ("k8s/dev/a.yaml", template),
        ("k8s/dev/b.yaml", template),
        ("k8s/prod/a.yaml", template),
    ]);
    let of_templates = openings(&found, "templates of manifests");
    let shown: Vec<String> = of_templates
        .iter()
        .map(|o| format!("{} {}", o.environment.as_deref().unwrap_or("-"), o.at.len()))
        .collect();
    assert_eq!(shown, ["development 2", "production 1"]);
}

#[test]
fn a_file_that_cannot_be_read_opens_and_one_of_another_format_does_not() {
    let files = [
        ("a.yaml", &b"kind: \xff\xfe\n"[..]),
        ("b.yaml", CONFIG.as_bytes()),
    ];
    let unreadable = read_files(files.map(|(p, t)| (p.into(), t.to_vec())));
    assert_eq!(openings(&unreadable, "a.yaml could not be read").len(), 1);
    let files = [
        ("a.yaml", &b"\0GITCRYPT\0\x01"[..]),
        ("b.yaml", CONFIG.as_bytes()),
    ];
    let encrypted = read_files(files.map(|(p, t)| (p.into(), t.to_vec())));
    let opening = openings(&encrypted, "git-crypt").remove(0);
    assert!(opening.kinds.contains(&Absence::Secret) && !opening.kinds.contains(&Absence::Service));
    let broken = "kind: [broken\n";
    assert_eq!(
        openings(&platform(&[("a.yaml", broken)]), "could not be read").len(),
        1
    );
    // It is a template, and is said to be none that could be rendered.
    let chart = platform(&[
        ("c/Chart.yaml", "apiVersion: v2\nname: c\n"),
        ("c/templates/a.yaml", broken),
    ]);
    assert!(openings(&chart, "could not be read").is_empty());
    // A file of Terraform may bring what Terraform makes, and no file.
    let terraform = platform(&[("main.tf.json", "{\"kind: \n"), ("b.yaml", CONFIG)]);
    let opening = openings(&terraform, "main.tf.json could not be read").remove(0);
    assert!(opening.kinds.contains(&Absence::Terraform) && !opening.kinds.contains(&Absence::File));
}

#[test]
fn a_chart_without_a_source_is_named_without_one() {
    let chart = |repository: &str| {
        let text = format!(
            "apiVersion: v2\nname: c\ndependencies: [{{name: redis, version: 1, repository: '{repository}'}}]\n"
        );
        let found = platform(&[("c/Chart.yaml", &text), ("c/templates/a.yaml", CONFIG)]);
        openings(&found, "the chart redis").remove(0).reason
    };
    assert_eq!(
        chart("https://r"),
        "the chart redis of https://r (release c) was not read"
    );
    assert_eq!(chart(""), "the chart redis (release c) was not read");
}

#[test]
fn an_application_is_for_an_environment_of_its_own_project() {
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web-dev}\nspec: {source: {repoURL: r, path: far}}\n";
    let environment = |till: &str| {
        let files = [
            ("shop/README.md", ""),
            ("shop/k8s/dev/c.yaml", CONFIG),
            ("shop/k8s/prod/c.yaml", CONFIG),
            ("till/README.md", ""),
            ("till/k8s/qa/c.yaml", CONFIG),
            (till, CONFIG),
            ("till/a.yaml", app),
        ];
        openings(&platform(&files), "the directory far")
            .remove(0)
            .environment
    };
    assert_eq!(environment("till/k8s/uat/c.yaml"), None);
    assert_eq!(environment("till/k8s/dev/c.yaml").as_deref(), Some("development"));
}

#[test]
fn what_applications_and_flux_take_from_elsewhere_is_told() {
    let told = |text: &str, words: &str| {
        let found = platform(&[("x.yaml", text), ("k8s/a.yaml", CONFIG)]);
        let notes = found.reading.notes.iter();
        let is_told = notes.filter(|note| note.message.contains(words)).count();
        (is_told, openings(&found, words).len())
    };
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: logs}\nspec: {source: {repoURL: 'https://r', chart: loki, targetRevision: '1'}}\n";
    assert_eq!(told(app, "loki of https://r (release logs)"), (1, 1));
    let flux = |path: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: far}}\nspec: {{path: {path}, sourceRef: {{kind: GitRepository, name: other}}}}\n"
        )
    };
    let words = "of other (Kustomization far)";
    assert_eq!(told(&flux("./gone"), words), (1, 1));
    assert_eq!(told(&flux("./k8s"), words), (0, 0));
    assert_eq!(
        told(&flux("./k8s/a.yaml"), words),
        (1, 1),
        "a file is no directory"
    );
}

#[test]
fn a_build_at_the_top_opens_everything_below() {
    let found = platform(&[
        (
            "kustomization.yaml",
            "resources: [c.yaml, 'https://github.com/o/r//base?ref=v1']\n",
        ),
        ("c.yaml", CONFIG),
    ]);
    let opening = openings(&found, "github.com").remove(0);
    assert!(
        opening.at.is_empty() && opening.shown() == opening.reason,
        "{}",
        opening.shown()
    );
}

#[test]
fn what_is_missing_from_a_deployment_is_told_of_that_one() {
    let chart = "apiVersion: v2\nname: c\n";
    let found = platform(&[
        ("README.md", ""),
        ("a/Chart.yaml", chart),
        ("a/templates/x.yaml", BROKEN),
        ("b/Chart.yaml", chart),
        ("b/templates/x.yaml", CONFIG),
        // Another tool has the same root.
        ("a/kustomization.yaml", "resources: [c.yaml]\n"),
        ("a/c.yaml", CONFIG),
    ]);
    assert_eq!(
        in_part(&found),
        ["the template a/templates/x.yaml could not be rendered"]
    );
    let id = *found.scope.in_part.keys().next().unwrap();
    assert_eq!(found.scope.deployments[id.0 as usize].kind.name(), "Helm");
}

#[test]
fn what_is_served_has_alerts_somewhere_and_what_uses_kafka_has_topics() {
    let open = |files: &[(&str, &str)], kind: Absence| {
        let found = platform(files);
        let env = &found.environments[0];
        found.scope.open_for(kind, env.project, &env.name).is_some()
    };
    let database = "provider \"aws\" {}\nresource \"aws_db_instance\" \"d\" {\n  identifier = \"d\"\n}\n";
    let queue = "provider \"aws\" {}\nresource \"aws_vpc\" \"v\" {\n  cidr_block = \"10.0.0.0/16\"\n}\n";
    assert!(open(&[("main.tf", database)], Absence::Alert));
    assert!(!open(&[("main.tf", queue)], Absence::Alert));
    for settings in [
        "kafka: {producer: {acks: all}}\n",
        "kafka: {consumer: {group_id: g}}\n",
    ] {
        assert!(open(&[("settings.yaml", settings)], Absence::Topic), "{settings}");
    }
    assert!(!open(
        &[("settings.yaml", "database: {pool_size: 5}\n")],
        Absence::Topic
    ));
}
