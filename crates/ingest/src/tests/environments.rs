//! Which environments and clusters there are, and what says so.

mod applications;
mod evidence;

use crate::pipeline::read_files;
use cofferdam_model::Platform;

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

/// Environments with their clusters, and the names of what each has.
fn shown(platform: &Platform) -> Vec<String> {
    let show = |env: &cofferdam_model::Environment| {
        let cluster = env.cluster.as_ref().map_or(String::new(), |c| format!(" on {c}"));
        let objects = env.config_objects.iter().map(|o| o.id.name.as_str());
        let names: Vec<&str> = objects
            .chain(env.workloads.iter().map(|w| w.id.name.as_str()))
            .collect();
        format!("{}{cluster}: {}", env.name, names.join(" "))
    };
    platform.environments.iter().map(show).collect()
}

fn of(files: &[(&str, &str)]) -> Vec<String> {
    shown(&platform(files))
}

fn config(name: &str, rest: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}{rest}}}\n")
}

#[test]
fn locals_of_terraform_name_its_environment() {
    let names = |text: &str| {
        let text = format!("{text}\nresource \"aws_sqs_queue\" \"q\" {{\n  name = \"q\"\n}}\n");
        let all = platform(&[("main.tf", &text)]).environments;
        all.into_iter().map(|env| env.name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(""), "default");
    for key in ["environment", "env", "stage"] {
        assert_eq!(
            names(&format!("locals {{\n  {key} = \"staging\"\n}}\n")),
            "staging"
        );
    }
    assert_eq!(names("locals {\n  env = \"blue\"\n}\n"), "default");
    let given = "locals {\n  env = \"staging\"\n}\nresource \"aws_sqs_queue\" \"q\" {\n  name = \"q\"\n}\n";
    let both = platform(&[("main.tf", given), ("terraform.tfvars", "env = \"prod\"\n")]);
    assert_eq!(
        both.environments[0].name, "production",
        "what is given counts over a local"
    );
    assert_eq!(names("locals {\n  tier = \"staging\"\n}\n"), "default");
    assert_eq!(
        names("locals {\n  env = var.env\n}\nvariable \"env\" {\n  default = \"dev\"\n}\n"),
        "default"
    );
    assert_eq!(names("variable \"env\" {\n  default = \"dev\"\n}\n"), "default");
}

#[test]
fn an_argument_that_every_run_passes_is_the_value_of_a_variable() {
    let zones = |script: &str| {
        let platform = platform(&[
            (
                "infra/main.tf",
                "variable \"zones\" {\n  default = false\n}\nresource \"aws_db_instance\" \"d\" {\n  identifier = \"d\"\n  multi_az   = var.zones\n}\n",
            ),
            ("infra/terraform.tfvars", "zones = false\n"),
            ("d.sh", script),
        ]);
        let fact = platform.environments[0].databases[0].multi_zone.clone();
        fact.map(|fact| fact.value)
    };
    let run = "terraform -chdir=infra";
    assert_eq!(zones(&format!("{run} apply\n")), Some(false));
    assert_eq!(zones(&format!("{run} apply -var zones=true\n")), Some(true));
    assert_eq!(
        zones(&format!("{run} apply -var='zones=true' -auto-approve\n")),
        Some(true)
    );
    let both = |first: &str, second: &str| zones(&format!("{run} {first}\n{run} {second}\n"));
    assert_eq!(both("plan -var zones=true", "apply -var zones=true"), Some(true));
    assert_eq!(both("plan -var zones=true -out=p", "apply p"), Some(true));
    assert_eq!(both("init", "apply -var zones=true"), Some(true));
    // Where runs differ or the shell fills it in, nobody knows.
    assert_eq!(
        both("apply -var zones=true", "apply -var zones=false"),
        Some(false)
    );
    assert_eq!(both("apply", "apply -var zones=true"), Some(false));
    assert_eq!(zones(&format!("{run} apply -var zones=$ZONES\n")), Some(false));
    assert_eq!(zones(&format!("{run} apply -var 'zones=[true]'\n")), Some(false));
}

#[test]
fn paths_from_the_repository_root_are_found_if_its_parent_was_given() {
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: x}\nspec: {source: {repoURL: r, path: deploy/web}, destination: {name: east}}\n";
    let flux = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: front}\nspec:\n  chart: {spec: {chart: ./charts/web, sourceRef: {kind: GitRepository, name: r}}}\n";
    let command = "kubectl apply -k deploy/web\n";
    let (a, template) = (config("a", ""), config("b", ""));
    let roots = |files: &[(&str, &str)]| {
        let all = platform(files).scope.deployments;
        let mut shown: Vec<String> = all
            .iter()
            .map(|d| format!("{} {}", d.kind.name(), d.root.display()))
            .collect();
        shown.sort();
        shown.dedup();
        shown
    };
    let of = |tool: (&str, &str)| {
        let chart = [
            ("repo/charts/web/Chart.yaml", "apiVersion: v2\nname: web\n"),
            ("repo/charts/web/templates/b.yaml", template.as_str()),
        ];
        let build = [
            ("repo/deploy/over/kustomization.yaml", "resources: [../web]\n"),
            ("repo/deploy/web/kustomization.yaml", "resources: [a.yaml]\n"),
            ("repo/deploy/web/a.yaml", a.as_str()),
        ];
        let mut files = vec![tool, ("repo/README.md", "")];
        files.extend(chart.into_iter().chain(build));
        roots(&files)
    };
    let build = "kustomize repo/deploy/web".to_owned();
    assert!(of(("repo/argo/a.yaml", app)).contains(&build));
    assert!(of(("repo/tools/d.sh", command)).contains(&build));
    assert!(!of(("repo/tools/d.sh", "kubectl apply -k deploy/wob\n")).contains(&build));
    // From another repository beside it, the only path that ends so is meant.
    assert!(of(("gitops/a.yaml", app)).contains(&build));
    let is_installed = |tool: (&str, &str)| {
        let files = [
            tool,
            ("repo/charts/web/Chart.yaml", "apiVersion: v2\nname: web\n"),
            ("repo/charts/web/values.yaml", "a: 1\n"),
            ("repo/charts/web/templates/b.yaml", template.as_str()),
        ];
        platform(&files).scope.default_files.is_empty()
    };
    assert!(is_installed(("repo/flux/r.yaml", flux)));
    assert!(!is_installed(("repo/flux/r.yaml", "a: 1\n")));
}

#[test]
fn projects_contain_nothing_of_each_other() {
    let (a, b) = (config("a", ""), config("b", ""));
    let platform = platform(&[
        ("shop/README.md", ""),
        ("shop/k8s/a.yaml", &a),
        ("till/README.md", ""),
        ("till/k8s/b.yaml", &b),
        ("till/kustomization.yaml", "resources: [gone.yaml]\n"),
    ]);
    let held: Vec<String> = (platform.environments.iter())
        .map(|env| {
            let names: Vec<&str> = env.config_objects.iter().map(|o| o.id.name.as_str()).collect();
            format!("{} {}", names.join(" "), env.dangling.len())
        })
        .collect();
    assert_eq!(held, ["a 0", "b 1"]);
}

#[test]
fn subcharts_and_library_charts_are_not_releases() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: x}]}\n";
    let count = |files: &[(&str, &str)]| {
        let all = platform(files).scope.deployments;
        all.iter().map(|d| d.objects).sum::<usize>()
    };
    let chart = [
        ("c/Chart.yaml", "apiVersion: v2\nname: c\n"),
        ("c/templates/p.yaml", pod),
    ];
    assert_eq!(count(&chart), 1);
    let library = [
        ("c/Chart.yaml", "apiVersion: v2\nname: c\ntype: library\n"),
        ("c/templates/p.yaml", pod),
    ];
    assert_eq!(count(&library), 0);
    let parent =
        "apiVersion: v2\nname: parent\ndependencies: [{name: c, version: 1, repository: 'file://../c'}]\n";
    let mut brought = chart.to_vec();
    brought.push(("parent/Chart.yaml", parent));
    assert_eq!(count(&brought), 1, "once, as a part of its parent");
    // A release whose name the shell fills in is not the one that is known.
    let installs = |command: &str| {
        let mut files = chart.to_vec();
        files.extend([("c/values.yaml", "a: 1\n"), ("d.sh", command)]);
        let platform = platform(&files);
        let pods: Vec<String> = (platform.environments[0].workloads.iter())
            .map(|w| format!("{}", w.id))
            .collect();
        (pods.join(" "), platform.scope.default_files.is_empty())
    };
    assert_eq!(
        installs("helm install c ./c -n shop\n"),
        ("Pod shop/p".to_owned(), true)
    );
    assert_eq!(
        installs("helm install c ./c -n $NS\n"),
        ("Pod p".to_owned(), true)
    );
    assert_eq!(installs("helm install $NAME ./c\n"), ("Pod p".to_owned(), false));
}
