//! Which environments and clusters there are, and what says so.

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

/// An application set with these elements of a list.
fn set(elements: &str, destination: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: s}}\nspec:\n  generators: [{{list: {{elements: [{elements}]}}}}]\n  template: {{metadata: {{name: 'x-{{{{cluster}}}}'}}, spec: {{source: {{repoURL: r, path: web}}, destination: {{{destination}}}}}}}\n"
    )
}

#[test]
fn lists_of_application_sets_name_clusters_and_environments() {
    let web = config("a", "");
    let of = |elements: &str, destination: &str| {
        of(&[("argo/s.yaml", &set(elements, destination)), ("web/a.yaml", &web)])
    };
    let by_name = "name: '{{cluster}}'";
    assert_eq!(
        of("{cluster: east}, {cluster: west}", by_name),
        ["default on east: a", "default on west: a"]
    );
    // An address is no name, but the element has one beside it.
    let by_address = "server: '{{url}}'";
    assert_eq!(
        of(
            "{cluster: east, url: 'https://1'}, {cluster: west, url: 'https://2'}",
            by_address
        ),
        ["default on east: a", "default on west: a"]
    );
    assert_eq!(
        of("{url: 'https://1'}, {url: 'https://2'}", by_address),
        ["default on 1: a", "default on 2: a"]
    );
    // What the destination names counts over what the element has beside it.
    let urls = "{cluster: east, url: 'https://1'}, {cluster: west, url: 'https://2'}";
    assert_eq!(of(urls, "name: hub"), ["default on hub: a"]);
    assert_eq!(
        of("{cluster: east}, {cluster: west}", "server: 'https://k'"),
        ["default on k: a"]
    );
    // An element that names an environment does so whatever the template makes of it.
    assert_eq!(
        of(
            "{cluster: one, env: dev, url: 'https://1'}, {cluster: two, environment: prod, url: 'https://2'}",
            by_address
        ),
        ["development on one: a", "production on two: a"]
    );
    assert_eq!(
        of(
            "{cluster: in-cluster, env: dev}, {cluster: in-cluster, env: prod}",
            by_name
        ),
        ["development: a", "production: a"]
    );
    // So many clusters are told as one.
    let many: Vec<String> = (0..20).map(|n| format!("{{cluster: c{n}}}")).collect();
    assert_eq!(of(&many.join(", "), by_name), ["default: a"]);
}

#[test]
fn clusters_that_a_generator_selects_by_a_label_are_of_that_environment() {
    let text = |generator: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: s}}\nspec:\n  generators: [{{clusters: {{{generator}}}}}]\n  template: {{metadata: {{name: 'x-{{{{name}}}}'}}, spec: {{source: {{repoURL: r, path: web}}, destination: {{server: '{{{{server}}}}'}}}}}}\n"
        )
    };
    let web = config("a", "");
    let of = |generator: &str| of(&[("s.yaml", &text(generator)), ("web/a.yaml", &web)]);
    assert_eq!(of("selector: {matchLabels: {env: staging}}"), ["staging: a"]);
    assert_eq!(of("values: {environment: prod}"), ["production: a"]);
    assert_eq!(of("selector: {matchLabels: {team: web}}"), ["default: a"]);
}

#[test]
fn an_application_gives_its_build_a_cluster_and_an_environment() {
    let app = |name: &str, cluster: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\nspec: {{source: {{repoURL: r, path: k}}, destination: {{name: {cluster}}}}}\n"
        )
    };
    let a = config("a", "");
    let of = |apps: &str| {
        of(&[
            ("apps.yaml", apps),
            ("k/kustomization.yaml", "resources: [a.yaml]\n"),
            ("k/a.yaml", &a),
        ])
    };
    assert_eq!(of(&app("web-prod", "east")), ["production on east: a"]);
    let two = [app("web-prod", "east"), app("other-prod", "west")].join("---\n");
    assert_eq!(of(&two), ["production: a"]);
    let apart = [app("web-prod", "east"), app("web-dev", "east")].join("---\n");
    assert_eq!(of(&apart), ["default on east: a"], "it is built once for both");
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
    let platform = self::platform(&[
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
fn the_path_overrides_objects_and_applications() {
    let prod = config("a", ", labels: {env: prod}");
    let by_path = [("k8s/dev/a.yaml", &*prod), ("k8s/staging/b.yaml", &*prod)];
    assert_eq!(of(&by_path), ["development: a", "staging: a"]);
    let app = |name: &str, destination: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\nspec: {{source: {{repoURL: r, path: web}}, destination: {{{destination}}}}}\n"
        )
    };
    let (a, b) = (config("a", ""), config("b", ""));
    let of = |apps: &[String]| {
        of(&[
            ("apps.yaml", &apps.join("---\n")),
            ("web/dev/a.yaml", &a),
            ("web/prod/b.yaml", &b),
        ])
    };
    // One application deploys all of it, whatever it is called.
    assert_eq!(
        of(&[app("web-prod", "name: east")]),
        ["development on east: a", "production on east: b"]
    );
    // Of several, each deploys what is for its environment.
    assert_eq!(
        of(&[app("web-dev", "name: east"), app("web-prod", "name: west")]),
        ["development on east: a", "production on west: b"]
    );
    // Two that come to the same place are one.
    assert_eq!(
        of(&[app("web", "name: east"), app("web-prod", "name: east")]),
        ["development on east: a", "production on east: b"]
    );
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
fn values_of_an_application_for_a_remote_chart_belong_to_its_project_and_environment() {
    let app = |name: &str, image: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\nspec: {{source: {{repoURL: r, path: far, kustomize: {{images: ['{image}']}}}}}}\n"
        )
    };
    let a = config("a", "");
    let of = |files: &[(&str, &str)]| {
        let mut all = vec![("k8s/dev/a.yaml", &*a), ("k8s/prod/a.yaml", &*a)];
        all.extend(files);
        let platform = platform(&all);
        let shown = platform.environments.iter().map(|env| {
            let images: Vec<&str> = env.set_images.iter().map(|i| i.text.value.as_str()).collect();
            format!("{}: {}", env.name, images.join(" "))
        });
        shown.collect::<Vec<_>>()
    };
    assert_eq!(
        of(&[("x.yaml", &app("web-dev", "r.io/a:1"))]),
        ["development: r.io/a:1", "production: "]
    );
    let both = ["development: r.io/a:1", "production: r.io/a:1"];
    assert_eq!(of(&[("x.yaml", &app("web", "r.io/a:1"))]), both);
    assert_eq!(of(&[("x.yaml", &app("web-uat", "r.io/a:1"))]), both);
    let none = ["development: ", "production: "];
    assert_eq!(
        of(&[("x.yaml", &app("web", "r.io/a"))]),
        none,
        "its tag is the base's"
    );
    let here = ("far/kustomization.yaml", "resources: []\n");
    assert_eq!(of(&[("x.yaml", &app("web", "r.io/a:1")), here]), none);
    let apart = platform(&[
        ("shop/README.md", ""),
        ("shop/a.yaml", &a),
        ("till/README.md", ""),
        ("till/a.yaml", &app("web", "r.io/a:1")),
    ]);
    let counts: Vec<usize> = apart
        .environments
        .iter()
        .map(|env| env.set_images.len())
        .collect();
    assert_eq!(counts, [0, 1]);
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
