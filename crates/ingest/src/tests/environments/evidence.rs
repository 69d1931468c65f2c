//! What shows that a name is an environment, and what does not.

use super::{config, of, platform, shown};

#[test]
fn an_overlay_that_cannot_be_built_is_still_an_environment() {
    let (a, b) = (config("a", ""), config("b", ""));
    let files = |prod: &'static str| {
        platform(&[
            ("overlays/staging/kustomization.yaml", "resources: [a.yaml]\n"),
            ("overlays/staging/a.yaml", &a),
            ("overlays/prod/kustomization.yaml", prod),
            ("shared/b.yaml", &b),
        ])
    };
    let broken = files("resources: [gone.yaml]\n");
    assert_eq!(shown(&broken), ["production: b", "staging: b a"]);
    assert_eq!(broken.reading.unreadable.len(), 1);
    let open = broken.scope.open_for(
        cofferdam_model::Absence::Workload,
        broken.environments[0].project,
        "production",
    );
    assert!(open.is_some_and(|o| o.environment.as_deref() == Some("production")));
    let missing: Vec<usize> = broken.environments.iter().map(|env| env.dangling.len()).collect();
    assert_eq!(
        missing,
        [1, 0],
        "what the overlay lacks is missing in its own environment"
    );
    // Without evidence that it is one there is none.
    let alone = of(&[
        ("deploy/prod/kustomization.yaml", "resources: [gone.yaml]\n"),
        ("shared/b.yaml", &b),
    ]);
    assert_eq!(alone, ["default: b"]);
}

#[test]
fn objects_of_a_directory_or_release_name_their_environment() {
    let labelled = config("a", ", labels: {env: prod}");
    assert_eq!(of(&[("k8s/a.yaml", &labelled)]), ["production: a"]);
    let other = config("b", "");
    assert_eq!(
        of(&[("k8s/a.yaml", &labelled), ("k8s/b.yaml", &other)]),
        ["default: a b"]
    );
    // What its path says counts over what it says itself.
    let by_path = [("k8s/dev/a.yaml", &*labelled), ("k8s/staging/b.yaml", &*other)];
    assert_eq!(of(&by_path), ["development: a", "staging: b"]);
    let chart = ("c/Chart.yaml", "apiVersion: v2\nname: c\n");
    let template = config("a", ", labels: {env: '{{ .Values.env }}'}");
    let values = ("c/values.yaml", "env: prod\n");
    let files = [chart, values, ("c/templates/a.yaml", template.as_str())];
    assert_eq!(of(&files), ["default: a"], "a chart's default names none");
    let mut installed = files.to_vec();
    installed.push(("d.sh", "helm install c ./c\n"));
    assert_eq!(of(&installed), ["production: a"]);
    let evidence = |files: &[(&str, &str)]| {
        let all = platform(files).scope.evidence.into_values().flatten();
        all.collect::<Vec<String>>().join(", ")
    };
    assert_eq!(
        evidence(&[("k8s/a.yaml", &labelled)]),
        "labels or namespaces of the objects of k8s/"
    );
    assert_eq!(evidence(&installed), "labels or namespaces of the objects of c/");
}

#[test]
fn a_name_without_evidence_is_not_an_environment() {
    let a = config("a", "");
    assert_eq!(of(&[("k8s/dev.yaml", &a)]), ["default: a"]);
    assert_eq!(of(&[("k8s/dev/a.yaml", &a)]), ["default: a"]);
    let chart = [
        ("c/Chart.yaml", "apiVersion: v2\nname: c\n"),
        ("c/templates/a.yaml", &*a),
    ];
    let mut values = chart.to_vec();
    values.push(("c/values-prod.yaml", "x: 1\n"));
    assert_eq!(of(&values), ["default: a"]);
    values.push(("c/values-dev.yaml", "x: 1\n"));
    assert_eq!(of(&values), ["development: a", "production: a"]);
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: x}\nspec: {source: {repoURL: r, path: web}}\n";
    assert_eq!(
        of(&[("apps/dev/x.yaml", app), ("web/a.yaml", &a)]),
        ["default: a"]
    );
    let named = app.replace("name: x", "name: x-dev");
    assert_eq!(
        of(&[("apps/x.yaml", &named), ("web/a.yaml", &a)]),
        ["development: a"]
    );
    let helmfile = |environments: &str| {
        format!("environments: {{{environments}}}\nreleases: [{{name: c, chart: ./c}}]\n")
    };
    let listed = |environments: &str| {
        let text = helmfile(environments);
        let mut files = chart.to_vec();
        files.push(("helmfile.yaml", &text));
        of(&files)
    };
    assert_eq!(listed("prod: {}"), ["default: a"]);
    assert_eq!(listed("prod: {}, dev: {}"), ["development: a", "production: a"]);
}

#[test]
fn a_chart_or_root_is_for_the_environment_of_its_directory() {
    let a = config("a", "");
    let chart = "apiVersion: v2\nname: c\n";
    let charts = of(&[
        ("envs/dev/c/Chart.yaml", chart),
        ("envs/dev/c/templates/a.yaml", &a),
        ("envs/prod/c/Chart.yaml", chart),
        ("envs/prod/c/templates/a.yaml", &a),
    ]);
    assert_eq!(charts, ["development: a", "production: a"]);
    let made = "resource \"aws_db_instance\" \"d\" {\n  identifier = \"d\"\n}\n";
    let stated = |paths: &str| {
        let text = format!("environments: {{prod: {{paths: ['{paths}']}}, dev: {{}}}}\n");
        let all = platform(&[("cofferdam.yaml", &text), ("infra/main.tf", made)]).environments;
        let shown = all
            .iter()
            .map(|env| format!("{} {}", env.name, env.databases.len()));
        shown.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(stated("infra"), "development 0, production 1");
    assert_eq!(stated("infra/*.tf"), "development 0, production 1");
    assert_eq!(stated("other"), "development 1, production 1");
}

#[test]
fn a_person_names_environments_and_what_belongs_to_them() {
    let a = config("a", "");
    let stated = |text: &str, path: &str| of(&[("cofferdam.yaml", text), (path, &a)]);
    assert_eq!(
        stated("environments: {prod: {}}\n", "k8s/prod.yaml"),
        ["production: a"]
    );
    let both = "environments: {prod: {}, dev: {}}\n";
    assert_eq!(stated(both, "k8s/prod.yaml"), ["development: ", "production: a"]);
    let paths = "environments: {prod: {paths: [examples]}}\n";
    let platform = platform(&[("cofferdam.yaml", paths), ("examples/a.yaml", &a)]);
    assert!(
        platform.scope.places_apart.is_empty(),
        "it is the platform's by word"
    );
    let both = "environments: {prod: {paths: [k8s/prod]}, dev: {paths: [k8s/dev]}}\n";
    let platform = super::platform(&[
        ("cofferdam.yaml", both),
        ("k8s/prod/a.yaml", &a),
        ("k8s/dev/a.yaml", &a),
    ]);
    let evidence: Vec<&Vec<String>> = platform.scope.evidence.values().collect();
    assert_eq!(
        evidence,
        [&["cofferdam.yaml".to_owned()], &["cofferdam.yaml".to_owned()]]
    );
}

#[test]
fn a_single_overlay_called_test_is_a_place_of_tests() {
    let a = config("a", "");
    let places = |files: &[(&str, &str)]| platform(files).scope.places_apart.len();
    assert_eq!(places(&[("k8s/a.yaml", &a), ("overlays/test/a.yaml", &a)]), 1);
    assert_eq!(
        places(&[("overlays/uat/a.yaml", &a), ("overlays/test/a.yaml", &a)]),
        0
    );
}

#[test]
fn a_directory_or_root_without_objects_is_not_an_environment() {
    let a = config("a", "");
    let empty = [
        ("overlays/dev/kustomization.yaml", "resources: []\n"),
        ("overlays/prod/kustomization.yaml", "resources: [a.yaml]\n"),
        ("overlays/prod/a.yaml", &*a),
    ];
    assert_eq!(of(&empty), ["production: a"]);
    let made = "resource \"aws_sqs_queue\" \"q\" {\n  name = \"q\"\n}\n";
    let roots = |dev: &str| {
        let all = platform(&[("tf/dev/main.tf", dev), ("tf/prod/main.tf", made)]).environments;
        all.into_iter().map(|env| env.name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(roots("variable \"x\" {}\n"), "production");
    assert_eq!(roots(made), "development production");
    let command = "gcloud run deploy api-qa --image registry.example.net/api:1 --region europe-west1\n";
    let both = format!("{command}{}", command.replace("api-qa", "api-prod"));
    let deployed = platform(&[("d.sh", &both)]);
    let shown: Vec<String> = (deployed.environments.iter())
        .map(|env| format!("{} {}", env.name, env.workloads.len()))
        .collect();
    assert_eq!(shown, ["production 1", "qa 1"]);
    let by_path = platform(&[
        ("deploy/dev/d.sh", &command.replace("api-qa", "api")),
        ("deploy/prod/d.sh", &command.replace("api-qa", "web")),
    ]);
    let of_path = by_path.scope.deployments.iter().map(|d| d.environment.clone());
    let of_path: Vec<Option<String>> = of_path.collect();
    assert_eq!(
        of_path,
        [Some("development".to_owned()), Some("production".to_owned())]
    );
    let named: Vec<_> = deployed
        .scope
        .deployments
        .iter()
        .map(|d| d.environment.clone())
        .collect();
    assert_eq!(named, [Some("qa".to_owned()), Some("production".to_owned())]);
}

#[test]
fn the_path_names_a_cluster_first() {
    let a = config("a", "");
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: x}\nspec: {source: {repoURL: r, path: clusters/eu/web}, destination: {name: east}}\n";
    let build = [
        ("clusters/eu/web/kustomization.yaml", "resources: [a.yaml]\n"),
        ("clusters/eu/web/a.yaml", &*a),
    ];
    assert_eq!(of(&build), ["default on eu: a"]);
    let mut deployed = build.to_vec();
    deployed.push(("x.yaml", app));
    assert_eq!(of(&deployed), ["default on eu: a"]);
}

#[test]
fn sections_of_a_file_for_one_environment_name_no_others() {
    let settings = "environments:\n  staging: {database: {pool_size: 5}}\n  qa: {database: {pool_size: 6}}\n";
    let a = config("a", "");
    let names = |path: &str| {
        let files = [
            ("k8s/dev/a.yaml", &*a),
            ("k8s/prod/a.yaml", &*a),
            (path, settings),
        ];
        let all = platform(&files).environments;
        all.into_iter().map(|env| env.name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("settings.yaml"), "development production qa staging");
    assert_eq!(names("k8s/dev/settings.yaml"), "development production");
}
