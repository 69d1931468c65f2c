//! Environments and clusters that applications of Argo CD name.

use super::{config, of, platform};

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
