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
fn terraform_is_valued_in_the_environments_that_its_value_files_name() {
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
fn what_a_person_states_is_in_the_platform() {
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
fn what_cannot_be_meant_is_told() {
    let platform_with = |text: &str| platform(&[("cofferdam.yaml", text)]).reading.overlay_problems;
    assert_eq!(platform_with("servces: {}").len(), 1);
    assert_eq!(platform_with("services: {api: {processes: 2}}").len(), 1);
    assert_eq!(platform_with("services: {").len(), 1);
    let unread = read_files([(PathBuf::from("cofferdam.yaml"), b"\0\x01".to_vec())]);
    assert_eq!(unread.reading.overlay_problems.len(), 1);
}

#[test]
fn excluded_files_are_there_and_not_read() {
    let files = [
        ("cofferdam.yaml", "paths: {exclude: [old]}"),
        ("old/a.yaml", "apiVersion: v1\nkind: [broken\n"),
    ];
    let platform = platform(&files);
    assert!(platform.reading.unreadable.is_empty());
}

#[test]
fn a_secret_for_an_environment_that_nothing_else_names_is_seen() {
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
fn a_patch_that_no_build_takes_is_judged_as_a_part() {
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
fn a_template_is_named_and_not_judged() {
    let platform = platform(&[(
        "skeleton/quota.yaml",
        "apiVersion: v1\nkind: ResourceQuota\nmetadata:\n  name: pods\n  namespace: {{ namespace }}\nspec: {hard: {pods: 2}}\n",
    )]);
    assert!(platform.environments[0].defects.is_empty());
    assert!(platform.reading.notes[0].message.contains("template, not read"));
    assert!(!platform.reading.is_nothing());
}

#[test]
fn places_apart_are_the_outermost_directories_with_the_files_that_nothing_uses() {
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
fn each_environment_has_the_evidence_that_names_it() {
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
