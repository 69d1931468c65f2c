//! Tests of the path from files to platform.

use super::*;

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(
        files
            .iter()
            .map(|(p, t)| (PathBuf::from(p), t.as_bytes().to_vec())),
    )
}

#[test]
fn terraform_is_evaluated_in_the_environments_of_its_value_files() {
    let platform = platform(&[
        (
            "terraform/alerts.tf",
            "variable \"delay\" {}\nresource \"newrelic_nrql_alert_condition\" \"a\" {\n  name = \"a\"\n  aggregation_delay = var.delay\n}\n",
        ),
        ("terraform/prod.tfvars", "delay = 120\n"),
        ("terraform/staging.tfvars", "delay = 0\n"),
        ("terraform/broken.tf", "locals {\n"),
    ]);
    let delays: Vec<(String, u64)> = (platform.environments.iter())
        .map(|e| {
            let cofferdam_model::alerts::Timing::NewRelic(t) = &e.alerts[0].timing else {
                panic!()
            };
            (e.name.clone(), t.delay.as_ref().unwrap().value.as_secs())
        })
        .collect();
    assert_eq!(
        delays,
        [("production".to_owned(), 120), ("staging".to_owned(), 0)]
    );
    assert_eq!(platform.reading.formats["Terraform"], 3);
    assert_eq!(
        platform.reading.unreadable[0].path,
        Path::new("terraform/broken.tf")
    );
}

#[test]
fn statements_of_a_person_are_in_the_platform() {
    let platform = platform(&[
        (
            "cofferdam.yaml",
            "databases: {main: {max_connections: 500}}\ntargets: {detection: 60s}\nenvironments: {prod: {paths: [blue]}, staging: {}}\n",
        ),
        ("blue/a.yaml", "x: 1 # cofferdam: ignore[single-replica] enough\n"),
    ]);
    let names: Vec<&str> = platform.environments.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["production", "staging"]);
    assert_eq!(platform.environments[0].databases.len(), 1);
    assert_eq!(platform.suppressions.len(), 1);
    assert!(platform.overlay.detection_target.is_some());
    assert!(platform.reading.overlay_problems.is_empty());
}

#[test]
fn an_invalid_statement_is_reported() {
    let platform_with = |text: &str| platform(&[("cofferdam.yaml", text)]).reading.overlay_problems;
    assert_eq!(platform_with("servces: {}").len(), 1);
    assert_eq!(platform_with("services: {api: {processes: 2}}").len(), 1);
    assert_eq!(platform_with("services: {").len(), 1);
    let unread = read_files([(PathBuf::from("cofferdam.yaml"), b"\0\x01".to_vec())]);
    assert_eq!(unread.reading.overlay_problems.len(), 1);
}

#[test]
fn excluded_files_exist_and_are_not_read() {
    let files = [
        ("cofferdam.yaml", "paths: {exclude: [old]}"),
        ("old/a.yaml", "apiVersion: v1\nkind: [broken\n"),
    ];
    let platform = platform(&files);
    assert!(platform.reading.unreadable.is_empty());
}

#[test]
fn a_secret_in_an_environment_that_nothing_else_names_is_found() {
    let secret = "SIGNING_SECRET=h7Gk2pQ9vL9xT4mN7wkZ8pQ2vL9xT4mN7x\nLOG_LEVEL=info\n";
    let secrets = |paths: &[&str]| -> usize {
        let files: Vec<(&str, &str)> = paths.iter().map(|path| (*path, secret)).collect();
        let platform = platform(&files);
        assert_eq!(platform.environments.len(), 1, "{paths:?} deploy nothing");
        let spans = platform.environments[0].secret_literals.iter().map(|l| l.span);
        spans.collect::<BTreeSet<_>>().len()
    };
    assert_eq!(secrets(&["config/staging.env"]), 1);
    assert_eq!(secrets(&["config/.secrets"]), 1);
    assert_eq!(secrets(&["config/staging.env", "config/production.env"]), 2);
    assert_eq!(
        secrets(&["config/staging.env", "config/local.env"]),
        1,
        "on one's own machine a secret protects nothing"
    );
}

#[test]
fn a_patch_that_no_build_uses_is_judged_as_a_fragment() {
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 2}\n";
    let defects = |path: &str| {
        let files = [
            ("k8s/kustomization.yaml", "resources: [cm.yaml]\n"),
            (
                "k8s/cm.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
            ),
            (path, patch),
        ];
        platform(&files).environments[0].defects.len()
    };
    assert_eq!(defects("k8s/patches/replicas.yaml"), 0);
    assert_eq!(defects("other/replicas_patch.yaml"), 0);
    assert_eq!(
        defects("k8s/replicas.yaml"),
        0,
        "beside a kustomization that leaves it out"
    );
    assert_ne!(defects("other/replicas.yaml"), 0);
    assert_ne!(defects("other/dispatcher.yaml"), 0);
}

#[test]
fn a_template_is_listed_and_not_judged() {
    let platform = platform(&[(
        "skeleton/quota.yaml",
        "apiVersion: v1\nkind: ResourceQuota\nmetadata:\n  name: pods\n  namespace: {{ namespace }}\nspec: {hard: {pods: 2}}\n",
    )]);
    assert!(platform.environments[0].defects.is_empty());
    assert!(platform.reading.notes[0].message.contains("template, not read"));
    assert!(!platform.reading.is_nothing());
}

#[test]
fn separate_places_are_the_outermost_directories_with_unused_files() {
    let object = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n";
    let platform = platform(&[
        (
            "k8s/kustomization.yaml",
            "resources: [a.yaml, ../examples/used/a.yaml]\n",
        ),
        ("k8s/a.yaml", object),
        (
            "examples/used/a.yaml",
            "kind: ConfigMap\napiVersion: v1\nmetadata: {name: used}\n",
        ),
        ("examples/one/docs/a.yaml", object),
        ("examples/two/a.yaml", object),
        ("deploy/tests/a.yaml", object),
        // An environment called `test` is no place apart.
        ("overlays/test/a.yaml", object),
        ("overlays/production/a.yaml", object),
    ]);
    let places = &platform.scope.places_apart;
    let shown: Vec<(String, &str, usize)> = (places.iter())
        .map(|p| (p.directory.display().to_string(), p.why.name(), p.files))
        .collect();
    assert_eq!(
        shown,
        [
            ("deploy/tests".to_owned(), "tests", 1),
            ("examples".to_owned(), "examples", 2)
        ]
    );
    let place = |path: &str| platform.scope.place_apart(Path::new(path)).map(|p| p.why.name());
    assert_eq!(place("examples/one/docs/a.yaml"), Some("examples"));
    assert_eq!(place("k8s/a.yaml"), None);
}

#[test]
fn each_environment_lists_its_evidence() {
    let platform = platform(&[
        (
            "k8s/overlays/staging/a.yaml",
            "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n",
        ),
        (
            "k8s/overlays/production/a.yaml",
            "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n",
        ),
        ("api/.env.production", "A=1\n"),
        ("api/.env.staging", "A=1\n"),
        ("cofferdam.yaml", "environments:\n  production: {}\n"),
        (
            "deploy.sh",
            "gcloud run deploy api-qa --image registry.example.net/api:1 --region europe-west1\n",
        ),
    ]);
    let of = |name: &str| platform.scope.evidence.get(&(ProjectId(0), name.to_owned()));
    assert_eq!(
        of("production").unwrap(),
        &[
            "cofferdam.yaml",
            "api/.env.production",
            "k8s/overlays/production/"
        ]
    );
    assert_eq!(
        of("staging").unwrap(),
        &["api/.env.staging", "k8s/overlays/staging/"]
    );
    assert!(of("default").is_none());
    assert_eq!(of("qa").unwrap(), &["a deploy command in deploy.sh"]);
    // Evidence is told of environments that are judged, and of no others.
    let judged: BTreeSet<&str> = platform.environments.iter().map(|e| e.name.as_str()).collect();
    assert!(
        platform
            .scope
            .evidence
            .keys()
            .all(|(_, name)| judged.contains(name.as_str()))
    );
}

#[test]
fn sections_and_applications_are_evidence() {
    let application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop-prod}\nspec:\n  source: {repoURL: x, path: k8s}\n  \
         destination: {namespace: shop-prod, server: https://kubernetes.default.svc}\n";
    let platform = platform(&[
        ("apps/shop.yaml", application),
        (
            "k8s/a.yaml",
            "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n",
        ),
    ]);
    let key = (ProjectId(0), "production".to_owned());
    assert_eq!(
        platform.scope.evidence.get(&key).map(Vec::as_slice),
        Some(["the application shop-prod in apps/shop.yaml".to_owned()].as_slice()),
        "{:?}",
        platform.scope.evidence
    );
    let sections = self::platform(&[(
        "grand-central.yml",
        include_str!("../../../../examples/clean-platform/grandcentral-enhanced.yml"),
    )]);
    let phrases = sections.scope.evidence.values().flatten();
    assert!(phrases.clone().count() >= 2, "{:?}", sections.scope.evidence);
    assert!(phrases.clone().all(|p| p == "a section of grand-central.yml"));
}

/// A platform with links from one place to another.
fn linked(files: &[(&str, &str)], links: &[(&str, &str)]) -> Platform {
    use cofferdam_syntax::links::Target;
    let files = files
        .iter()
        .map(|(p, t)| (PathBuf::from(p), t.as_bytes().to_vec()));
    let mut repo = Repo::from_files(files);
    let is_file = |path: &Path| repo.files.contains_key(path);
    let links = links
        .iter()
        .map(|(link, to)| match PathBuf::from(to) {
            to if is_file(&to) => (PathBuf::from(link), Target::File(to)),
            to => (PathBuf::from(link), Target::Directory(to)),
        })
        .collect();
    repo.add_links(links);
    assemble(Walked::of(repo), &[])
}

#[test]
fn files_behind_a_link_are_judged_once() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: x}]}\n";
    let count =
        |platform: &Platform| -> usize { platform.environments.iter().map(|e| e.workloads.len()).sum() };
    let files = [("k8s/p.yaml", pod)];
    assert_eq!(count(&linked(&files, &[("again.yaml", "k8s/p.yaml")])), 1);
    assert_eq!(count(&linked(&files, &[("again", "k8s")])), 1);
    let chart = [
        ("c/Chart.yaml", "apiVersion: v2\nname: c\n"),
        ("c/templates/p.yaml", pod),
    ];
    assert_eq!(count(&linked(&chart, &[("again", "c")])), 1);
    let build = [
        ("k/kustomization.yaml", "resources: [p.yaml]\n"),
        ("k/p.yaml", pod),
    ];
    let built = linked(&build, &[("again", "k")]);
    assert_eq!((count(&built), built.scope.deployments.len()), (1, 1));
    // A build that names the link has what is behind it, and nothing is judged by itself besides.
    let by_link = [
        ("k/kustomization.yaml", "resources: [q.yaml]\n"),
        ("far/p.yaml", pod),
    ];
    let built = linked(&by_link, &[("k/q.yaml", "far/p.yaml")]);
    assert_eq!((count(&built), built.scope.deployments.len()), (1, 1));
    let root = "provider \"aws\" {}\nresource \"aws_sqs_queue\" \"q\" {\n  name = \"q\"\n}\n";
    for link in ["again", "zone"] {
        let terraform = linked(&[("tf/main.tf", root)], &[(link, "tf")]);
        assert_eq!(terraform.scope.deployments.len(), 1, "{link}");
    }
    // A directory that only lends its files to others is no root.
    let lent = linked(
        &[("all/main.tf", root)],
        &[("a/main.tf", "all/main.tf"), ("b/main.tf", "all/main.tf")],
    );
    let roots: Vec<String> = lent
        .scope
        .deployments
        .iter()
        .map(|d| d.root.display().to_string())
        .collect();
    assert_eq!(roots, ["a", "b"]);
    let remote =
        "apiVersion: v2\nname: c\ndependencies: [{name: redis, version: 1, repository: 'https://r'}]\n";
    let charts = linked(
        &[("c/Chart.yaml", remote), ("c/values.yaml", "a: 1\n")],
        &[("again", "c")],
    );
    let named = charts
        .scope
        .openings
        .iter()
        .filter(|o| o.reason.contains("redis"));
    assert_eq!(named.count(), 1);
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: cache}\nspec: {chart: {spec: {chart: redis, sourceRef: {kind: HelmRepository, name: pantry}}}}\n";
    let twice = linked(
        &[
            ("k8s/dev/r.yaml", release),
            ("k8s/prod/p.yaml", pod),
            ("k8s/dev/p.yaml", pod),
        ],
        &[("k8s/prod/r.yaml", "k8s/dev/r.yaml")],
    );
    let open = |name: &str| {
        let all = twice.scope.openings.iter().filter(|o| o.reason.contains("redis"));
        all.filter(|o| o.environment.as_deref() == Some(name)).count()
    };
    assert_eq!((open("development"), open("production")), (1, 0));
    let skaffold = "apiVersion: skaffold/v4beta11\nkind: Config\nbuild: {artifacts: [{image: x}]}\n";
    let built = linked(&[("k8s/p.yaml", pod), ("a/skaffold.yaml", skaffold)], &[]);
    assert!(built.environments[0].workloads[0].containers[0].image.is_none());
}

#[test]
fn what_a_link_names_is_installed_taken_and_counted_once() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: x}]}\n";
    let chart = ("c/Chart.yaml", "apiVersion: v2\nname: c\n");
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: x}\nspec: {source: {repoURL: r, path: c}}\n";
    let kinds = |platform: &Platform| -> Vec<&'static str> {
        platform.scope.deployments.iter().map(|d| d.kind.name()).collect()
    };
    let installed = [chart, ("c/templates/p.yaml", pod), ("apps/x.yaml", app)];
    assert_eq!(
        kinds(&linked(&installed, &[("apps/again.yaml", "apps/x.yaml")])),
        ["Helm", "manifests"]
    );
    // A template behind a link is no manifest besides.
    let template = [chart, ("far/p.yaml", pod)];
    assert_eq!(
        kinds(&linked(&template, &[("c/templates/p.yaml", "far/p.yaml")])),
        ["Helm"]
    );
    let compose = [("one/compose.yaml", "services: {a: {image: 'x:${TAG:-1}'}}\n")];
    assert_eq!(linked(&compose, &[("two", "one")]).scope.default_values.len(), 1);
}

#[test]
fn files_below_a_link_are_read_once() {
    let secret = "SIGNING_SECRET=h7Gk2pQ9vL9xT4mN7wkZ8pQ2vL9xT4mN7x\n";
    let platform = linked(&[("config/.env", secret)], &[("again", "config")]);
    let secrets = platform.environments.iter().map(|e| e.secret_literals.len());
    assert_eq!(secrets.sum::<usize>(), 1);
    assert_eq!(platform.reading.formats[".env"], 1);
}

#[test]
fn a_file_of_a_separate_place_that_a_platform_uses_is_not_separate() {
    let object = |name: &str| format!("kind: ConfigMap\napiVersion: v1\nmetadata: {{name: {name}}}\n");
    let (a, b, c) = (object("a"), object("b"), object("c"));
    let platform = platform(&[
        ("k8s/kustomization.yaml", "resources: [../examples/used/a.yaml]\n"),
        ("examples/used/a.yaml", &a),
        ("examples/used/b.yaml", &b),
        ("k8s/x/docs/c.yaml", &c),
    ]);
    let apart: Vec<String> = (platform.scope.apart.keys())
        .map(|id| platform.sources.path(*id).display().to_string())
        .collect();
    assert_eq!(apart, ["examples/used/b.yaml", "k8s/x/docs/c.yaml"]);
    let places: Vec<String> = (platform.scope.places_apart.iter())
        .map(|p| p.directory.display().to_string())
        .collect();
    assert_eq!(places, ["examples", "k8s/x/docs"]);
}

#[test]
fn two_applications_of_one_directory_keep_only_common_statements() {
    let app = |name: &str, destination: &str, keeps: bool| {
        let option = if keeps {
            "RespectIgnoreDifferences=true"
        } else {
            "x"
        };
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\nspec:\n  source: {{repoURL: r, path: web}}\n  destination: {{{destination}}}\n  syncPolicy: {{syncOptions: ['{option}']}}\n  ignoreDifferences: [{{group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}}]\n"
        )
    };
    let web = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}}\n";
    let of = |apps: &[String]| {
        let platform = platform(&[("apps.yaml", &apps.join("---\n")), ("web/d.yaml", web)]);
        let shown = platform.environments.iter().flat_map(|env| {
            env.workloads.iter().map(|w| {
                let deployment = &platform.scope.deployments[w.id.deployment.unwrap().0 as usize];
                format!(
                    "{} {} {} {} {}",
                    env.name,
                    env.cluster.as_deref().unwrap_or("-"),
                    w.id.namespace.as_deref().unwrap_or("-"),
                    deployment.name.as_deref().unwrap_or("-"),
                    w.id.keeps_replicas(&platform.scope)
                )
            })
        });
        shown.collect::<Vec<String>>()
    };
    let shop = "namespace: shop, name: east";
    assert_eq!(of(&[app("one", shop, true)]), ["default east shop one true"]);
    assert_eq!(of(&[app("one", shop, false)]), ["default east shop one false"]);
    assert_eq!(
        of(&[app("one", shop, true), app("two", shop, true)]),
        ["default east shop - true"]
    );
    assert_eq!(
        of(&[app("one", shop, true), app("two", shop, false)]),
        ["default east shop - false"]
    );
    assert_eq!(
        of(&[
            app("one", shop, true),
            app("two", "namespace: till, name: east", true)
        ]),
        ["default east - - true"]
    );
    assert_eq!(
        of(&[
            app("one", shop, true),
            app("two", "namespace: till, name: west", true)
        ]),
        ["default east shop one true", "default west till two true"]
    );
    assert_eq!(
        of(&[
            app("web-dev", shop, true),
            app("web-prod", "namespace: till, name: east", false)
        ]),
        [
            "development east shop web-dev true",
            "production east till web-prod false"
        ]
    );
}

#[test]
fn a_partially_read_platform_proves_no_absence() {
    let files = || Repo::from_files([(PathBuf::from("a.yaml"), b"a: 1\n".to_vec())]);
    let open = |part: bool| {
        let walked = Walked {
            part,
            ..Walked::of(files())
        };
        let platform = assemble(walked, &[]);
        let env = &platform.environments[0];
        let kind = cofferdam_model::Absence::DisruptionBudget;
        platform.scope.open_for(kind, env.project, &env.name).is_some()
    };
    assert!(open(true) && !open(false));
}

#[test]
fn a_file_of_another_format_or_without_a_platform_opens_no_scope() {
    let open = |path: &str, text: &str| {
        let reasons = platform(&[(path, text)]).scope.openings.into_iter();
        reasons.filter(|o| o.reason.contains("could not be read")).count()
    };
    assert_eq!(open("a.yaml", "kind: [broken\n"), 1);
    assert_eq!(open("notes.yaml", "a: [broken\n"), 0);
    let terraform = "resource \"kafka_topic\" \"t\" {\n  name = \"deployment\"\n}\n";
    assert_eq!(open("topics.yaml", terraform), 0);
}

#[test]
fn files_of_a_failed_build_are_fragments() {
    let web = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 2, template: {spec: {containers: [{name: c, image: x}]}}}\n";
    let defects = |resources: &str| {
        let kustomization = format!("resources: [{resources}]\n");
        let files = [
            ("k/kustomization.yaml", kustomization.as_str()),
            ("far/web.yaml", web),
        ];
        let platform = platform(&files);
        let env = &platform.environments[0];
        (env.defects.len(), env.workloads.len())
    };
    assert_ne!(defects("../far/web.yaml"), (0, 1));
    assert_eq!(defects("../far/web.yaml, gone.yaml"), (0, 1));
}

#[test]
fn two_applications_of_one_build_keep_only_common_statements() {
    let app = |name: &str, option: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\nspec:\n  source: {{repoURL: r, path: web}}\n  syncPolicy: {{syncOptions: ['{option}']}}\n  ignoreDifferences: [{{kind: Deployment, jsonPointers: [/spec/replicas]}}]\n"
        )
    };
    let web = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}}\n";
    let keeps = |apps: &[String]| {
        let platform = platform(&[
            ("apps.yaml", &apps.join("---\n")),
            ("web/kustomization.yaml", "resources: [d.yaml]\n"),
            ("web/d.yaml", web),
        ]);
        platform.environments[0].workloads[0]
            .id
            .keeps_replicas(&platform.scope)
    };
    let respects = "RespectIgnoreDifferences=true";
    assert!(keeps(&[app("one", respects)]));
    assert!(keeps(&[app("one", respects), app("two", respects)]));
    assert!(!keeps(&[app("one", respects), app("two", "x=y")]));
}

#[test]
fn a_file_belongs_to_the_innermost_deployed_directory() {
    let app = |name: &str, path: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\nspec: {{source: {{repoURL: r, path: {path}}}, destination: {{namespace: {name}, name: east}}}}\n"
        )
    };
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: x}]}\n";
    let apps = [app("outer", "web"), app("inner", "web/in")].join("---\n");
    let namespaces = |script: &str| -> Vec<Option<String>> {
        let all = platform(&[("apps.yaml", &apps), ("web/in/p.yaml", pod), ("d.sh", script)]);
        all.environments[0]
            .workloads
            .iter()
            .map(|w| w.id.namespace.clone())
            .collect()
    };
    assert_eq!(namespaces("true\n"), [Some("inner".to_owned())]);
    // What an application says counts over a command of the same directory.
    assert_eq!(
        namespaces("kubectl apply -n other -f web/in\n"),
        [Some("inner".to_owned())]
    );
}

#[test]
fn a_file_that_terraform_reads_is_not_a_manifest() {
    let pod = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": []}}"#;
    let count = |path: &str| platform(&[(path, pod)]).environments[0].workloads.len();
    assert_eq!(count("pod.json"), 1);
    assert_eq!(count("pod.tf.json"), 0);
}

#[test]
fn each_evidence_is_listed_once_and_only_for_judged_files() {
    let object = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a, labels: {env: prod}}\n";
    let built = platform(&[
        ("overlays/prod/kustomization.yaml", "resources: [a.yaml]\n"),
        ("overlays/prod/a.yaml", object),
        ("overlays/dev/kustomization.yaml", "resources: [b.yaml]\n"),
        (
            "overlays/dev/b.yaml",
            "kind: ConfigMap\napiVersion: v1\nmetadata: {name: b}\n",
        ),
        ("overlays/uat/notes.txt", ""),
    ]);
    let evidence: Vec<(&str, &Vec<String>)> = (built.scope.evidence.iter())
        .map(|((_, name), phrases)| (name.as_str(), phrases))
        .collect();
    let of = |path: &str| vec![path.to_owned()];
    assert_eq!(
        evidence,
        [
            ("development", &of("overlays/dev/")),
            ("production", &of("overlays/prod/"))
        ]
    );
    // Texts deploy nothing, so that their environments are not judged.
    let texts = platform(&[
        ("config/staging.env", "A=1\n"),
        ("config/production.env", "A=1\n"),
    ]);
    assert!(texts.scope.evidence.is_empty(), "{:?}", texts.scope.evidence);
}
