//! What documents and texts say, and in which environments it counts.

use crate::pipeline::read_files;
use cofferdam_model::Platform;

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

/// The sizes of the pools of each environment.
fn pools(files: &[(&str, &str)]) -> Vec<String> {
    let show = |env: &cofferdam_model::Environment| {
        let sizes = env
            .pools
            .iter()
            .filter_map(|p| Some(p.size.as_ref()?.value.to_string()));
        format!("{}: {}", env.name, sizes.collect::<Vec<_>>().join(" "))
    };
    platform(files).environments.iter().map(show).collect()
}

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";

#[test]
fn what_is_for_one_environment_counts_over_what_is_for_all_in_whatever_order() {
    let (own, all) = ("database: {pool_size: 9}\n", "database: {pool_size: 5}\n");
    let both = ["development: 5", "production: 9"];
    for shared in ["config/app.yaml", "config/zero.yaml"] {
        let files = [
            ("config/settings-prod.yaml", own),
            ("config/settings-dev.yaml", CONFIG),
            (shared, all),
        ];
        assert_eq!(pools(&files), both, "{shared}");
        let environments = platform(&files).environments;
        let lost = environments.iter().map(|env| env.lost_claims.len());
        assert_eq!(
            lost.sum::<usize>(),
            0,
            "{shared}: the nearer one is no contradiction"
        );
    }
    let (own, all) = ("DB_POOL_SIZE=9\n", "DB_POOL_SIZE=5\n");
    for shared in ["config/.env", "config/zero.env"] {
        let files = [
            ("config/prod.env", own),
            ("config/dev.env", "A=1\n"),
            ("k8s/dev/c.yaml", CONFIG),
            ("k8s/prod/c.yaml", CONFIG),
            (shared, all),
        ];
        assert_eq!(pools(&files), both, "{shared}");
    }
}

#[test]
fn a_text_that_a_build_puts_into_a_config_map_says_nothing_of_its_directory() {
    let with = |kustomization: &str| {
        let all = pools(&[
            ("README.md", ""),
            ("k8s/kustomization.yaml", kustomization),
            ("k8s/c.yaml", CONFIG),
            ("k8s/app.env", "DB_POOL_SIZE=5\n"),
        ]);
        all[0].clone()
    };
    assert_eq!(with("resources: [c.yaml]\n"), "default: 5");
    let taken = "resources: [c.yaml]\nconfigMapGenerator: [{name: g, envs: [app.env]}]\n";
    assert_eq!(with(taken), "default: ");
    // What a build that fails would take is judged by itself.
    let failed = "resources: [gone.yaml]\nconfigMapGenerator: [{name: g, envs: [app.env]}]\n";
    assert_eq!(with(failed), "default: 5");
}

#[test]
fn a_document_that_says_nothing_is_of_no_format_and_no_environment() {
    let formats = |text: &str| platform(&[("settings.yaml", text)]).reading.formats.len();
    assert_eq!(formats("database: {pool_size: 5}\n"), 1);
    assert_eq!(formats("colour: green\n"), 0);
    let sections = |key: &str| {
        format!("environments: {{staging: {{database: {{{key}: 5}}}}, qa: {{database: {{{key}: 6}}}}}}\n")
    };
    assert_eq!(formats(&sections("pool_size")), 1);
    let names = |prod: &str| {
        let files = [("k8s/dev/c.yaml", CONFIG), ("k8s/prod/settings.yaml", prod)];
        let all = platform(&files).environments;
        all.into_iter().map(|env| env.name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("database: {pool_size: 5}\n"), "development production");
    assert_eq!(names("colour: green\n"), "development");
    assert_eq!(names(CONFIG), "development production");
}

#[test]
fn the_values_of_a_release_count_in_its_environment() {
    let chart = [
        ("c/Chart.yaml", "apiVersion: v2\nname: c\n"),
        ("c/templates/a.yaml", CONFIG),
        ("c/values.yaml", "other: 1\n"),
        ("c/values-dev.yaml", "database: {poolSize: 3}\n"),
        ("c/values-prod.yaml", "database: {poolSize: 7}\n"),
    ];
    assert_eq!(pools(&chart), ["development: 3", "production: 7"]);
}

#[test]
fn images_of_elsewhere_are_set_once_and_by_tag_or_digest() {
    let set = |elements: &str, image: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: s}}\nspec:\n  generators: [{{list: {{elements: [{elements}]}}}}]\n  template: {{metadata: {{name: 'web-{{{{place}}}}'}}, spec: {{source: {{repoURL: r, path: far, kustomize: {{images: ['{image}']}}}}}}}}\n"
        )
    };
    let images = |text: &str| {
        let all = platform(&[("a.yaml", CONFIG), ("s.yaml", text)]).environments;
        all.iter().map(|env| env.set_images.len()).collect::<Vec<_>>()
    };
    assert_eq!(images(&set("{place: here}", "r.io/a:1")), [1]);
    assert_eq!(images(&set("{place: here}, {place: there}", "r.io/a:1")), [1]);
    let digest = format!("r.io/a@sha256:{}", "0".repeat(64));
    assert_eq!(images(&set("{place: here}", &digest)), [1]);
    assert_eq!(images(&set("{place: here}", "r.io/a")), [0]);
}

#[test]
fn an_application_named_for_an_environment_of_another_project_is_for_all_of_its_own() {
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web-dev}\nspec: {source: {repoURL: r, path: far, kustomize: {images: ['r.io/a:1']}}}\n";
    let files = [
        ("shop/README.md", ""),
        ("shop/k8s/dev/c.yaml", CONFIG),
        ("shop/k8s/prod/c.yaml", CONFIG),
        ("till/README.md", ""),
        ("till/k8s/uat/c.yaml", CONFIG),
        ("till/k8s/qa/c.yaml", CONFIG),
        ("till/a.yaml", app),
    ];
    let all = platform(&files).environments;
    let found: Vec<String> = all
        .iter()
        .map(|env| format!("{} {}", env.name, env.set_images.len()))
        .collect();
    assert_eq!(found, ["development 0", "production 0", "qa 1", "uat 1"]);
}

#[test]
fn secrets_in_texts_are_those_of_their_environment() {
    let secret = "SIGNING_SECRET=h7Gk2pQ9vL9xT4mN7wkZ8pQ2vL9xT4mN7x\n";
    let files = [
        ("k8s/dev/c.yaml", CONFIG),
        ("k8s/prod/c.yaml", CONFIG),
        ("config/dev.env", "A=1\n"),
        ("config/prod.env", secret),
        ("config/staging.env", "A=1\n"),
    ];
    let counts = |files: &[(&str, &str)]| {
        let all = platform(files).environments;
        all.iter()
            .map(|env| env.secret_literals.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(counts(&files), [0, 1]);
    // Where no environment of that name is judged, it is said of all.
    let stray = files.map(|(path, text)| match path {
        "config/prod.env" => (path, "A=1\n"),
        "config/staging.env" => (path, secret),
        _ => (path, text),
    });
    assert_eq!(counts(&stray), [1, 1]);
}

#[test]
fn values_are_those_of_the_one_workload_that_a_release_runs() {
    let template = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: front}\nspec: {template: {spec: {containers: [{name: c, image: x}]}}}\n";
    let owner = |more: &str| {
        let files = [
            ("c/Chart.yaml", "apiVersion: v2\nname: chart\n"),
            ("c/values.yaml", "database: {poolSize: 3}\n"),
            ("c/templates/a.yaml", template),
            ("c/templates/b.yaml", more),
        ];
        let platform = platform(&files);
        platform.environments[0].pools[0].owner.name.clone()
    };
    assert_eq!(owner(CONFIG).as_deref(), Some("front"));
    assert_eq!(
        owner(&template.replace("Deployment", "StatefulSet")).as_deref(),
        Some("front")
    );
    assert_eq!(
        owner(&template.replace("front", "back")).as_deref(),
        Some("chart")
    );
}

#[test]
fn what_lies_beside_a_kustomization_may_be_a_part() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: x}]}\n";
    let whole = |path: &str| {
        let platform = platform(&[
            ("README.md", ""),
            (
                "k8s/kustomization.yaml",
                "resources: [c.yaml]\nconfigMapGenerator: [{name: g, files: [../files/a.conf]}]\n",
            ),
            ("k8s/c.yaml", CONFIG),
            ("files/a.conf", "a\n"),
            (path, pod),
        ]);
        let mut pods = platform.environments.iter().flat_map(|env| &env.workloads);
        pods.next().expect("the pod").completeness == cofferdam_model::workload::Completeness::Whole
    };
    assert!(!whole("k8s/p.yaml"));
    assert!(whole("files/p.yaml") && whole("plain/p.yaml"));
}

#[test]
fn a_name_that_an_image_lacks_is_certain_only_near_another() {
    let certain = |image: &str| {
        let kustomization = format!("resources: [p.yaml]\nimages: [{{name: {image}, newTag: '1'}}]\n");
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'r.io/storefront:2'}]}\n";
        let platform = platform(&[("kustomization.yaml", &kustomization), ("p.yaml", pod)]);
        let dangling = platform.environments[0].dangling.first();
        dangling.map(|dangling| dangling.certain)
    };
    assert_eq!(certain("r.io/storefront"), None);
    assert_eq!(certain("r.io/storefrnt"), Some(true));
    assert_eq!(certain("r.io/ledger"), Some(false));
    let missing = platform(&[("kustomization.yaml", "resources: [gone.yaml]\n")]);
    assert!(missing.environments[0].dangling[0].certain);
}

#[test]
fn the_overlay_is_no_document() {
    let files = [
        ("cofferdam.yaml", "services: {api: {requests_per_second: 5}}\n"),
        ("a.yaml", CONFIG),
    ];
    let platform = platform(&files);
    assert_eq!(
        platform.scope.deployments.len(),
        1,
        "{:?}",
        platform.scope.deployments
    );
}
