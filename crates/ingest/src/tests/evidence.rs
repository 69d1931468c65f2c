//! What names an environment, and the deployments that hold a file.

use crate::pipeline::read_files;
use cofferdam_model::Platform;
use std::collections::BTreeMap;

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

/// Each environment and what names it.
fn evidence(files: &[(&str, &str)]) -> Vec<String> {
    let platform = platform(files);
    let environments = platform.environments.iter().map(|env| {
        let phrases = platform.scope.evidence.get(&(env.project, env.name.clone()));
        format!(
            "{}: {}",
            env.name,
            phrases.map_or(String::new(), |all| all.join(", "))
        )
    });
    environments.collect()
}

/// Environments and the names of what each has.
fn held(files: &[(&str, &str)]) -> Vec<String> {
    let show = |env: &cofferdam_model::Environment| {
        let names: Vec<&str> = env.config_objects.iter().map(|o| o.id.name.as_str()).collect();
        format!("{}: {}", env.name, names.join(" "))
    };
    platform(files).environments.iter().map(show).collect()
}

fn config(name: &str, rest: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}{rest}}}\n")
}

const CODE: (&str, &str) = (
    "consumer/app/db.py",
    "from sqlalchemy import create_engine\nimport os\nENV = os.environ['ENVIRONMENT']\nSIZES = {'staging': {'pool_size': 3}, 'production': {'pool_size': 4}}\nengine = create_engine(u, **SIZES[ENV])\n",
);

#[test]
fn settings_in_code_name_environments_where_nothing_else_does() {
    let both = ["production: settings in code", "staging: settings in code"];
    assert_eq!(evidence(&[CODE]), both);
    let plain = (
        "consumer/app/db.py",
        "import os\nENV = os.environ['ENVIRONMENT']\n",
    );
    assert_eq!(evidence(&[plain]), ["default: "]);
    let stated = ("cofferdam.yaml", "environments: {production: {}}\n");
    assert_eq!(evidence(&[CODE, stated]), ["production: cofferdam.yaml"]);
}

#[test]
fn objects_at_the_top_name_the_environment_of_the_root() {
    let (a, b) = (config("a", ", labels: {env: prod}"), config("b", ""));
    assert_eq!(
        evidence(&[("a.yaml", &a)]),
        ["production: labels or namespaces of the objects of the root"]
    );
    assert_eq!(
        evidence(&[("README.md", ""), ("k8s/a.yaml", &a)]),
        ["production: labels or namespaces of the objects of k8s/"]
    );
    assert_eq!(evidence(&[("a.yaml", &b)]), ["default: "]);
}

#[test]
fn a_person_gives_other_names_to_what_objects_name() {
    let a = config("a", ", labels: {env: prod}");
    let named = (
        "cofferdam.yaml",
        "environments: {blue: {aliases: [production]}}\n",
    );
    let other = ("cofferdam.yaml", "environments: {blue: {aliases: [staging]}}\n");
    assert_eq!(held(&[named, ("k8s/a.yaml", &a)]), ["blue: a"]);
    assert_eq!(held(&[other, ("k8s/a.yaml", &a)]), ["blue: ", "production: a"]);
    let build = [
        ("k8s/kustomization.yaml", "resources: [a.yaml]\n"),
        ("k8s/a.yaml", &*a),
    ];
    assert_eq!(held(&[named, build[0], build[1]]), ["blue: a"]);
}

#[test]
fn a_person_says_which_environment_a_build_is_for() {
    let a = config("a", "");
    let build = [
        ("web/kustomization.yaml", "resources: [a.yaml]\n"),
        ("web/a.yaml", &*a),
    ];
    let stated = |paths: &str| {
        let text = format!("environments: {{prod: {{paths: ['{paths}']}}, dev: {{}}}}\n");
        held(&[("cofferdam.yaml", &text), build[0], build[1]])
    };
    assert_eq!(stated("web"), ["development: ", "production: a"]);
    assert_eq!(stated("till"), ["development: a", "production: a"]);
}

#[test]
fn a_word_in_a_file_name_that_is_no_environment_leaves_that_of_the_directory() {
    let (a, b) = (config("a", ""), config("b", ""));
    let files = [
        ("k8s/prod/config-qa.yaml", &*a),
        ("k8s/prod/b.yaml", &*b),
        ("k8s/dev/b.yaml", &*b),
    ];
    assert_eq!(held(&files), ["development: b", "production: b a"]);
    let both = [
        ("k8s/prod/config-qa.yaml", &*a),
        ("k8s/prod/config-uat.yaml", &*b),
    ];
    assert_eq!(held(&both), ["qa: a", "uat: b"]);
}

#[test]
fn objects_have_no_sections_for_environments() {
    let a = config("a", "");
    let sections = "environments: {staging: {database: {pool_size: 5}}, qa: {database: {pool_size: 6}}}\n";
    let files = |text: &str| evidence(&[("a.yaml", &a), ("settings.yaml", text)]);
    assert_eq!(
        files(sections),
        [
            "qa: a section of settings.yaml",
            "staging: a section of settings.yaml"
        ]
    );
    let object = format!("apiVersion: example.org/v1\nkind: Thing\nmetadata: {{name: x}}\n{sections}");
    assert_eq!(files(&object), ["default: "]);
    // A path is an environment's where an object alone says that there is one of this name.
    let by_path = |text: &str| held(&[("k8s/qa/a.yaml", &a), ("settings.yaml", text)]);
    assert_eq!(by_path(sections), ["qa: a", "staging: "]);
    assert_eq!(by_path(&object), ["default: a"]);
}

/// The environments that each file is deployed for; `-` is a deployment that names none.
fn holds(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    let platform = platform(files);
    let holds = platform.scope.holds.iter().map(|(id, environments)| {
        let names: Vec<&str> = environments
            .iter()
            .map(|name| name.as_deref().unwrap_or("-"))
            .collect();
        (platform.sources.path(*id).display().to_string(), names.join(" "))
    });
    holds.collect()
}

fn rows(rows: &[(&str, &str)]) -> BTreeMap<String, String> {
    let rows = rows
        .iter()
        .map(|(path, names)| ((*path).to_owned(), (*names).to_owned()));
    rows.collect()
}

#[test]
fn a_file_is_held_by_the_builds_that_use_it() {
    let (a, b, c) = (config("a", ""), config("b", ""), config("c", ""));
    let found = holds(&[
        ("base/kustomization.yaml", "resources: [a.yaml]\n"),
        ("base/a.yaml", &a),
        ("overlays/dev/kustomization.yaml", "resources: [../../base]\n"),
        (
            "overlays/prod/kustomization.yaml",
            "resources: [../../base, b.yaml]\n",
        ),
        ("overlays/prod/b.yaml", &b),
        ("plain/c.yaml", &c),
        ("settings.yaml", "database: {pool_size: 5}\n"),
    ]);
    let wanted = rows(&[
        ("base/a.yaml", "development production"),
        ("base/kustomization.yaml", "development production"),
        ("overlays/dev/kustomization.yaml", "development"),
        ("overlays/prod/b.yaml", "production"),
        ("overlays/prod/kustomization.yaml", "production"),
        ("plain/c.yaml", "-"),
    ]);
    assert_eq!(found, wanted);
}

#[test]
fn the_files_of_a_chart_are_held_by_its_releases_and_values_by_their_own() {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: '{{ .Values.a }}'}\n";
    let found = holds(&[
        ("README.md", ""),
        ("c/Chart.yaml", "apiVersion: v2\nname: c\n"),
        ("c/templates/a.yaml", template),
        ("c/values.yaml", "a: 1\n"),
        ("c/values-dev.yaml", "other: 2\n"),
        ("c/values-prod.yaml", "other: 3\n"),
        ("d/z.yaml", "a: 1\n"),
        ("up.sh", "helm upgrade --install c ./c -f c/values-prod.yaml\n"),
    ]);
    let wanted = rows(&[
        ("c/Chart.yaml", "production"),
        ("c/templates/a.yaml", "production"),
        ("c/values-prod.yaml", "production"),
        ("c/values.yaml", "production"),
    ]);
    assert_eq!(found, wanted);
}

#[test]
fn the_files_of_a_root_are_held_by_its_environments() {
    let found = holds(&[
        (
            "infra/main.tf",
            "resource \"aws_sqs_queue\" \"q\" {\n  name = \"q\"\n}\n",
        ),
        ("infra/none.tf", "locals {\n  a = 1\n}\n"),
        ("infra/dev.tfvars", "a = 1\n"),
        ("infra/prod.tfvars", "a = 2\n"),
    ]);
    assert_eq!(found, rows(&[("infra/main.tf", "development production")]));
}

#[test]
fn a_word_below_a_build_names_a_part_of_it() {
    let (a, b) = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n",
    );
    let environment = |part: &str| {
        let resources = format!("resources: [a.yaml, {part}]\n");
        let path = match part.strip_prefix("../") {
            Some(outside) => outside.to_owned(),
            None => format!("site/{part}"),
        };
        let platform = platform(&[
            (
                "k8s/dev/x.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
            ),
            (
                "k8s/prod/x.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
            ),
            ("site/kustomization.yaml", resources.as_str()),
            ("site/a.yaml", a),
            (path.as_str(), b),
        ]);
        let all = platform.scope.deployments.into_iter();
        let mut found = all.filter(|d| d.root == std::path::Path::new("site"));
        found.next().and_then(|deployment| deployment.environment)
    };
    assert_eq!(environment("monitors/shop_dev.yaml"), None);
    assert_eq!(environment("dev/b.yaml"), None);
    assert_eq!(environment("values-dev.yaml").as_deref(), Some("development"));
    assert_eq!(environment("../k8s/dev/y.yaml").as_deref(), Some("development"));
}
