use super::*;
use crate::helm;
use crate::selected::Selected;
use proptest::prelude::*;

fn repo(files: &[(&str, &str)]) -> Repo {
    Repo::from_texts(files)
}

fn read_all(repo: &Repo) -> Applications {
    read(
        repo,
        &Selected::default(),
        repo.yaml.values().flat_map(|s| &s.documents),
    )
}

fn value(fact: &Option<Spanned<String>>) -> Option<&str> {
    fact.as_ref().map(|f| f.value.as_str())
}

const HEAD: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Application\n";

#[test]
fn an_application_names_its_source_and_destination() {
    let app = format!(
        "{HEAD}metadata: {{name: shop}}\nspec:\n  project: p\n  source: {{repoURL: git, path: k8s/overlays/prod/, targetRevision: main, kustomize: {{images: ['web=r.io/web:2', 'api@sha256:aa']}}}}\n  destination: {{namespace: shop, server: 'https://prod.example'}}\n  syncPolicy: {{automated: {{prune: true}}}}\n"
    );
    let repo = repo(&[
        ("argo/shop.yaml", &app),
        ("k8s/overlays/prod/kustomization.yaml", "resources: []"),
    ]);
    let found = read_all(&repo);
    let app = &found.applications[0];
    assert_eq!(value(&app.name), Some("shop"));
    assert_eq!(value(&app.namespace), Some("shop"));
    assert_eq!(app.environment.as_deref(), Some("production"));
    assert_eq!(
        app.sources[0].deploys,
        Some(Deploys::Kustomization("k8s/overlays/prod".into()))
    );
    let images: Vec<String> = app.sources[0]
        .images
        .iter()
        .map(|i| i.image.to_string())
        .collect();
    assert_eq!(images, ["r.io/web:2", "api@sha256:aa"]);
    assert_eq!(
        repo.sources.text(app.sources[0].images[0].span),
        "'web=r.io/web:2'"
    );
    assert!(app.automated.as_ref().unwrap().value && app.prune.as_ref().unwrap().value);
    assert!(app.self_heal.is_none());
    assert_eq!(found.missing, []);
}

fn chart_repo(helm: &str) -> Repo {
    let app = format!(
        "{HEAD}metadata: {{name: shop-staging}}\nspec:\n  source:\n    repoURL: git\n    path: charts/shop\n    helm:\n{helm}  destination: {{namespace: x}}\n"
    );
    repo(&[
        ("apps/shop.yaml", &app),
        ("charts/shop/Chart.yaml", "apiVersion: v2\nname: shop\n"),
        ("charts/shop/values.yaml", "a: 1\nb: {c: 1, d: 1, e: 1}\n"),
        ("charts/shop/more.yaml", "b: {c: 2, d: 2, e: 2}\n"),
    ])
}

#[test]
fn values_of_an_application_override_those_of_the_chart() {
    let repo = chart_repo(
        "      releaseName: eu\n      valueFiles: [more.yaml]\n      values: |\n        b:\n          d: 3\n        image: {repository: r.io/x, tag: '7'}\n      valuesObject: {b: {e: 4}}\n      parameters:\n        - {name: b.f.g, value: '5'}\n        - {name: 'l[0]', value: '5'}\n",
    );
    let found = read_all(&repo);
    let app = &found.applications[0];
    assert_eq!(app.environment.as_deref(), Some("staging"));
    assert_eq!(app.sources[0].release.as_ref().and_then(Node::as_str), Some("eu"));
    let charts = helm::read(&repo, &Selected::default());
    let (number, values) = chart_values(&repo, &charts, &app.sources[0]).unwrap();
    assert_eq!(number, 0);
    for (path, wanted) in [("a", 1), ("b/c", 2), ("b/d", 3), ("b/e", 4), ("b/f/g", 5)] {
        assert_eq!(values.at(path).and_then(Node::as_i64), Some(wanted), "{path}");
    }
    assert!(values.get("l[0]").is_none() && values.get("l").is_none());
    let d = values.at("b/d").unwrap();
    assert_eq!(
        (repo.sources.path(d.span.file), repo.sources.text(d.span)),
        (Path::new("apps/shop.yaml"), "3")
    );
    assert_eq!(app.sources[0].images[0].image.to_string(), "r.io/x:7");
}

#[test]
fn a_value_file_that_is_absent_is_reported() {
    let repo = chart_repo("      valueFiles: [mor.yaml, $other/x.yaml, 'https://x/y.yaml']\n");
    let found = read_all(&repo);
    assert_eq!(found.missing.len(), 1);
    assert_eq!(found.missing[0].what.nearest.as_deref(), Some("more.yaml"));
}

#[test]
fn a_path_is_missing_only_if_its_repository_is_this_one() {
    let app = |name: &str, repository: &str, path: &str| {
        format!(
            "{HEAD}metadata: {{name: {name}}}\nspec: {{source: {{repoURL: {repository}, path: {path}}}}}\n"
        )
    };
    let apps = [
        app("a", "ours", "k8s/shop"),
        app("b", "ours", "k8s/shoop"),
        app("c", "theirs", "k8s/other"),
    ]
    .join("---\n");
    let repo = repo(&[("apps.yaml", &apps), ("k8s/shop/web.yaml", "a: 1")]);
    let found = read_all(&repo);
    let names: Vec<(&str, Option<&str>)> = found
        .missing
        .iter()
        .map(|m| &m.what)
        .map(|d| (d.name.as_str(), d.nearest.as_deref()))
        .collect();
    assert_eq!(names, [("k8s/shoop", Some("k8s/shop"))]);
}

#[test]
fn value_files_of_another_source_are_found() {
    let app = format!(
        "{HEAD}metadata: {{name: x}}\nspec:\n  sources:\n  - {{repoURL: charts, chart: redis, targetRevision: 1.2.3, helm: {{valueFiles: [$v/envs/prod/redis.yaml]}}}}\n  - {{repoURL: ours, ref: v}}\n"
    );
    let repo = repo(&[("app.yaml", &app), ("envs/prod/redis.yaml", "a: 1")]);
    let found = read_all(&repo);
    let app = &found.applications[0];
    assert_eq!(
        app.sources[0].value_files[0].1.as_deref(),
        Some(Path::new("envs/prod/redis.yaml"))
    );
    assert_eq!(app.environment.as_deref(), Some("production"));
    assert!(app.sources[0].deploys.is_none());
}

fn set(generators: &str, path: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: s}}\nspec:\n  generators:\n{generators}  template:\n    metadata: {{name: 'shop-{{{{env}}}}'}}\n    spec:\n      source: {{repoURL: ours, path: '{path}'}}\n      destination: {{namespace: '{{{{.ns}}}}', name: '{{{{cluster}}}}'}}\n"
    )
}

#[test]
fn a_list_generator_makes_one_application_for_each_element() {
    let text = set(
        "  - list: {elements: [{env: prod, ns: shop}, {env: dev, ns: shop-dev}]}\n",
        "overlays/{{env}}",
    );
    let repo = repo(&[
        ("set.yaml", &text),
        ("overlays/prod/kustomization.yaml", "{}"),
        ("overlays/dev/a.yaml", "a: 1"),
    ]);
    let found = read_all(&repo);
    let shown: Vec<_> = found
        .applications
        .iter()
        .map(|a| {
            (
                value(&a.name),
                value(&a.namespace),
                value(&a.cluster),
                a.environment.as_deref(),
                a.sources[0].deploys.clone(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            (
                Some("shop-prod"),
                Some("shop"),
                None,
                Some("production"),
                Some(Deploys::Kustomization("overlays/prod".into()))
            ),
            (
                Some("shop-dev"),
                Some("shop-dev"),
                None,
                Some("development"),
                Some(Deploys::Directory("overlays/dev".into()))
            ),
        ]
    );
    let namespace = found.applications[0].namespace.as_ref().unwrap();
    assert_eq!(repo.sources.text(namespace.span), "shop");
    assert!(found.applications.iter().all(|a| a.from_set));
}

#[test]
fn directory_file_and_matrix_generators_make_applications() {
    let files: &[(&str, &str)] = &[
        ("apps/web/a.yaml", "a: 1"),
        ("apps/api/a.yaml", "a: 1"),
        ("apps/old/a.yaml", "a: 1"),
        ("envs/prod/c.json", "{\"env\": \"prod\"}"),
    ];
    for (generators, path, wanted) in [
        (
            "  - git: {directories: [{path: 'apps/*'}, {path: apps/old, exclude: true}]}\n",
            "{{path}}",
            vec!["apps/api", "apps/web"],
        ),
        (
            "  - git: {directories: [{path: 'apps/*'}]}\n",
            "apps/{{ index .path.segments 1 }}",
            vec!["apps/api", "apps/old", "apps/web"],
        ),
        (
            "  - git: {files: [{path: 'envs/**/c.json'}]}\n",
            "envs/{{.env}}",
            vec!["envs/prod"],
        ),
        (
            "  - matrix: {generators: [{list: {elements: [{d: apps}]}}, {list: {elements: [{n: web}, {n: api}]}}]}\n",
            "{{d}}/{{n}}",
            vec!["apps/web", "apps/api"],
        ),
    ] {
        let text = set(generators, path);
        let mut all = files.to_vec();
        all.push(("set.yaml", &text));
        let repo = repo(&all);
        let found = read_all(&repo);
        let dirs: Vec<&str> = found
            .applications
            .iter()
            .filter_map(|a| a.sources[0].deploys.as_ref()?.dir().to_str())
            .collect();
        assert_eq!(dirs, wanted, "{generators}");
    }
}

#[test]
fn values_that_only_a_cluster_knows_are_unknown() {
    let text = set("  - clusters: {}\n", "k8s");
    let repo = repo(&[("set.yaml", &text), ("k8s/a.yaml", "a: 1")]);
    let found = read_all(&repo);
    let app = &found.applications[0];
    assert!(app.name.is_none() && app.namespace.is_none() && app.cluster.is_none());
    assert!(app.sources[0].deploys.is_some());
}

proptest! {
    #[test]
    fn no_application_panics(
        generators in "  - (list: \\{elements: [\\[{]?|git: \\{(files|directories): \\[\\{path: '[*a{\\[]'\\}\\]\\}|matrix: ~|x)\n",
        path in "(\\{\\{|\\}\\}|env|path|/|[.]|index .a 1|é|'){0,6}",
    ) {
        let text = set(&generators, &path);
        let repo = repo(&[("set.yaml", &text), ("a/b.yaml", "a: 1")]);
        read_all(&repo);
    }
}

#[test]
fn a_parameter_of_a_set_refers_to_its_element() {
    let set = "apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: shops}
spec:
  generators:
    - list:
        elements:
          - {where: shop-eu}
  template:
    metadata: {name: 'shop-{{where}}'}
    spec:
      source: {repoURL: git, path: k8s}
      destination:
        namespace: '{{where}}'
";
    let repo = repo(&[("set.yaml", set), ("k8s/a.yaml", "a: 1")]);
    let found = read_all(&repo);
    let namespace = found.applications[0].namespace.as_ref().unwrap();
    let line = |span| repo.sources.position(span).line;
    let chain = repo.sources.chains().of(namespace.span);
    let links: Vec<_> = chain.iter().map(|link| (link.layer, line(link.span))).collect();
    assert_eq!((namespace.value.as_str(), line(namespace.span)), ("shop-eu", 8));
    assert_eq!(links, [(cofferdam_syntax::Layer::Reference, 14)]);
}

#[test]
fn a_merge_overlays_the_elements_that_agree_on_the_keys() {
    let set = |first: &str| {
        let text = format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: s}}\nspec:\n  generators:\n  - merge:\n      mergeKeys: [name]\n      generators:\n      - {first}\n      - list: {{elements: [{{name: a, dir: x}}, {{name: c, dir: z}}]}}\n  template: {{metadata: {{name: '{{{{name}}}}'}}, spec: {{source: {{repoURL: r, path: 'k8s/{{{{dir}}}}'}}}}}}\n"
        );
        let repo = repo(&[("argo/s.yaml", &text), ("k8s/x/a.yaml", ""), ("k8s/z/a.yaml", "")]);
        let found = read_all(&repo);
        assert_eq!(found.missing, []);
        let shown = found.applications.iter();
        shown
            .map(|a| {
                let path = value(&a.sources[0].path).unwrap_or("-").to_owned();
                (
                    value(&a.name).unwrap_or("-").to_owned(),
                    path,
                    a.unknown_generator.is_some(),
                )
            })
            .collect::<Vec<_>>()
    };
    let own = |name: &str, path: &str, unknown| (name.to_owned(), path.to_owned(), unknown);
    // What the first part does not have is not there.
    assert_eq!(
        set("list: {elements: [{name: a, dir: z}, {name: b, dir: z}]}"),
        [own("a", "k8s/x", false), own("b", "k8s/z", false)]
    );
    // Which clusters there are is not known; those that others name are there.
    assert_eq!(
        set("clusters: {values: {dir: y}}"),
        [
            own("-", "-", true),
            own("a", "k8s/x", true),
            own("c", "k8s/z", true)
        ]
    );
}
