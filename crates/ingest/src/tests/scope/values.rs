//! Which values count: defaults, files of values, and what a command sets.

use super::openings::CONFIG;
use super::{CHART, platform};

pub(super) const DATABASE: &str = "variable \"zones\" {\n  default = false\n}\nresource \"aws_db_instance\" \"d\" {\n  identifier = \"d\"\n  multi_az   = var.zones\n}\n";

/// How many places are defaults that something else may set.
fn defaults(files: &[(&str, &str)]) -> usize {
    let mut all = vec![("main.tf", DATABASE)];
    all.extend(files);
    platform(&all).scope.default_values.len()
}

#[test]
fn a_default_is_open_if_something_else_may_set_it() {
    let provider = ("provider.tf", "provider \"aws\" {}\n");
    assert_eq!(defaults(&[]), 1, "a module that nothing runs");
    assert_eq!(defaults(&[provider]), 0, "a root sets its own");
    assert_eq!(
        defaults(&[("backend.tf", "terraform {\n  backend \"s3\" {}\n}\n")]),
        0
    );
    assert_eq!(defaults(&[("terraform.tfvars", "other = 1\n")]), 0);
    let cloud = ("cloud.tf", "terraform {\n  cloud {}\n}\n");
    assert_eq!(defaults(&[cloud]), 1, "a workspace keeps variables of its own");
    let remote = ("remote.tf", "terraform {\n  backend \"remote\" {}\n}\n");
    assert_eq!(defaults(&[remote]), 1, "so does its older form");
    assert_eq!(defaults(&[provider, (".gitignore", "*.tfvars\n")]), 1);
    let read = ("terraform.tfvars", "other = 1\n");
    assert_eq!(defaults(&[provider, (".gitignore", "*.tfvars\n"), read]), 0);
    let unit = |text| ("terragrunt.hcl", text);
    assert_eq!(defaults(&[unit("inputs = {\n  zones = true\n}\n")]), 1);
    assert_eq!(defaults(&[unit("inputs = {\n  other = true\n}\n")]), 0);
    assert_eq!(defaults(&[unit("inputs = merge(local.a, local.b)\n")]), 1);
    let many = [("one.tfvars", "zones = true\n"), ("two.tfvars", "other = 1\n")];
    assert_eq!(defaults(&many), 1, "nobody knows which file is used");
    let others = [("one.tfvars", "other = true\n"), ("two.tfvars", "other = 1\n")];
    assert_eq!(defaults(&others), 0);
}

/// Names, namespaces and replicas of what the chart and these files run, and whether its values are defaults.
pub(super) fn releases(files: &[(&str, &str)]) -> (Vec<(String, Option<String>, u32)>, bool) {
    let mut all = CHART.to_vec();
    all.extend(files);
    let platform = platform(&all);
    let workloads = platform.environments.iter().flat_map(|env| &env.workloads);
    let shown = workloads
        .map(|w| {
            (
                w.id.name.clone(),
                w.id.namespace.clone(),
                w.replicas.as_ref().unwrap().value,
            )
        })
        .collect();
    (shown, !platform.scope.default_files.is_empty())
}

pub(super) fn release(name: &str, namespace: Option<&str>, replicas: u32) -> (String, Option<String>, u32) {
    (name.to_owned(), namespace.map(str::to_owned), replicas)
}

#[test]
fn values_of_a_chart_that_a_command_installs_are_not_defaults() {
    assert_eq!(releases(&[]), (vec![release("web", None, 1)], true));
    let values = ("big.yaml", "replicas: 5\n");
    let command = |rest: &str| format!("helm upgrade --install front charts/web {rest}\n");
    let with = |rest: &str| releases(&[("deploy.sh", &command(rest)), values]);
    assert_eq!(with(""), (vec![release("front", None, 1)], false));
    assert_eq!(
        with("-n shop -f big.yaml"),
        (vec![release("front", Some("shop"), 5)], false)
    );
    assert_eq!(
        with("-f big.yaml --set replicas=7"),
        (vec![release("front", None, 7)], false)
    );
    // What the script fills in is one value that is not known; a file may set anything.
    assert_eq!(with("--set image=$TAG"), (vec![release("front", None, 1)], false));
    assert_eq!(with("-f $FILE"), (vec![release("front", None, 1)], true));
    // What picks the values of an environment by name is one release for each.
    let prod = [
        ("charts/web/values-prod.yaml", "replicas: 9\n"),
        ("charts/web/values-dev.yaml", "replicas: 2\n"),
        (
            "deploy.sh",
            "helm upgrade --install front charts/web -f charts/web/values-$ENV.yaml\n",
        ),
    ];
    let (mut found, by_default) = releases(&prod);
    found.sort();
    assert_eq!(
        (found, by_default),
        (vec![release("front", None, 2), release("front", None, 9)], false)
    );
}

#[test]
fn value_files_of_another_project_set_nothing() {
    let zones = |files: &[(&str, &str)]| {
        let platform = platform(files);
        let env = platform
            .environments
            .iter()
            .find(|env| !env.databases.is_empty())
            .unwrap();
        env.databases[0].multi_zone.as_ref().map(|fact| fact.value)
    };
    let root = ("shop/infra/main.tf", DATABASE);
    assert_eq!(
        zones(&[root, ("shop/values/a.tfvars", "zones = true\n")]),
        Some(true)
    );
    assert_eq!(
        zones(&[root, ("till/values/a.tfvars", "zones = true\n")]),
        Some(false)
    );
    // Nor does that of a repository inside.
    let inside = |top: (&str, &str)| {
        zones(&[
            ("main.tf", DATABASE),
            ("k8s/a.yaml", "a: 1\n"),
            top,
            ("tools/x/zones.tfvars", "zones = true\n"),
        ])
    };
    assert_eq!(inside(("tools/x/.gitlab-ci.yml", "a: {}\n")), Some(false));
    assert_eq!(inside(("tools/x/a.yaml", "a: 1\n")), Some(true));
}

#[test]
fn a_value_that_names_an_environment_is_enough_alone() {
    let names = |files: &[(&str, &str)]| -> Vec<String> {
        platform(files)
            .environments
            .iter()
            .map(|env| env.name.clone())
            .collect()
    };
    let build = |rest: &str| format!("resources: [cm.yaml]\n{rest}");
    let kustomize = |rest: &str| names(&[("k/kustomization.yaml", &build(rest)), ("k/cm.yaml", CONFIG.1)]);
    assert_eq!(kustomize(""), ["default"]);
    assert_eq!(kustomize("commonLabels: {environment: prod}\n"), ["production"]);
    assert_eq!(kustomize("namespace: shop-staging\n"), ["staging"]);
    let root = |values: &str| names(&[("main.tf", DATABASE), ("terraform.tfvars", values)]);
    assert_eq!(root("zones = true\n"), ["default"]);
    for name in ["environment", "env", "stage"] {
        assert_eq!(root(&format!("{name} = \"prod\"\n")), ["production"], "{name}");
    }
    assert_eq!(root("stage = \"blue\"\n"), ["default"]);
}

#[test]
fn a_literal_in_a_chart_that_nothing_installs_is_not_a_default() {
    let template = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: '{{ .Release.Name }}-a'\n  labels:\n    fixed: here\n    set: '{{ .Values.a }}'\nspec: {containers: [{name: c, image: x}]}\n{{- if .Values.more }}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b, labels: {fixed: there}}\nspec: {containers: [{name: c, image: x}]}\n{{- end }}\n";
    let files = [
        ("c/Chart.yaml", "apiVersion: v2\nname: c\n"),
        ("c/values.yaml", "a: 1\nmore: true\n"),
        ("c/templates/a.yaml", template),
        (
            "compose.yaml",
            "services: {a: {image: 'x:${TAG:-1}'}, b: {image: 'y:1'}}\n",
        ),
    ];
    let platform = platform(&files);
    let is_default = |span| platform.scope.is_default(span);
    let pods = &platform.environments[0].workloads;
    let [a, b] = ["c-a", "b"].map(|name| pods.iter().find(|pod| pod.id.name == name).unwrap());
    assert!(!is_default(a.span), "the name of a release is no value");
    assert!(is_default(a.labels["set"].span().unwrap()));
    assert!(is_default(b.span) && is_default(b.labels["fixed"].span().unwrap()));
    assert!(!is_default(a.labels["fixed"].span().unwrap()));
    assert_eq!(
        platform.scope.default_values.len(),
        3,
        "a line and a branch of the template, and the default of an image"
    );
}

#[test]
fn a_value_file_belongs_to_the_roots_that_declare_most_of_its_variables() {
    let roots = |values: &str| {
        let other = format!("{DATABASE}variable \"size\" {{\n  default = 1\n}}\n");
        let platform = platform(&[
            ("README.md", ""),
            ("one/main.tf", DATABASE),
            ("two/main.tf", &other),
            ("values/x.tfvars", values),
        ]);
        let all = platform.scope.deployments.iter();
        all.map(|d| d.root.display().to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(roots("other = 1\n"), "");
    assert_eq!(roots("zones = true\n"), "one two");
    assert_eq!(roots("zones = true\nsize = 2\n"), "two");
}

#[test]
fn a_value_file_next_to_those_of_environments_is_not_assigned() {
    let zones = |files: &[(&str, &str)]| {
        let mut all = vec![("main.tf", DATABASE), ("x.tfvars", "zones = true\n")];
        all.extend(files);
        let all = platform(&all).environments;
        let fact = all[0].databases[0].multi_zone.as_ref();
        fact.map(|fact| fact.value)
    };
    assert_eq!(zones(&[]), Some(true), "the only one is the one that is used");
    let of_environments = [("prod.tfvars", "other = 1\n"), ("dev.tfvars", "other = 1\n")];
    assert_eq!(zones(&of_environments), Some(false));
}
