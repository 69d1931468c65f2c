mod cost;
mod fields;

use super::*;
use cofferdam_syntax::tree::Value;
use proptest::prelude::*;
use std::path::Path;

fn repo(files: &[(&str, &str)]) -> Repo {
    Repo::from_texts(files)
}

fn object<'b>(build: &'b Build, kind: &str) -> &'b Node {
    build
        .objects
        .iter()
        .find(|o| o.get("kind").and_then(Node::as_str) == Some(kind))
        .unwrap_or_else(|| panic!("no {kind} in {:?}", build.failed))
}

fn text<'n>(node: &'n Node, path: &str) -> &'n str {
    node.at(path)
        .and_then(Node::as_str)
        .unwrap_or_else(|| panic!("nothing at {path}"))
}

fn path_of(repo: &Repo, node: &Node) -> String {
    repo.sources.path(node.span.file).display().to_string()
}

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      serviceAccountName: web\n      containers:\n        - name: web\n          image: r.io/web:1\n          envFrom: [{configMapRef: {name: conf}}]\n";
const HPA: &str = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}\n";
const ACCOUNT: &str = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\n";

fn shop(overlay: &str) -> Vec<(&'static str, String)> {
    vec![
        (
            "base/kustomization.yaml",
            "resources: [web.yaml, hpa.yaml, sa.yaml]\nconfigMapGenerator: [{name: conf, literals: [A=1]}]\n"
                .to_owned(),
        ),
        ("base/web.yaml", DEPLOYMENT.to_owned()),
        ("base/hpa.yaml", HPA.to_owned()),
        ("base/sa.yaml", ACCOUNT.to_owned()),
        (
            "overlays/prod/kustomization.yaml",
            format!("resources: [../../base]\n{overlay}"),
        ),
    ]
}

fn shop_repo(overlay: &str, more: &[(&str, &str)]) -> Repo {
    let files = shop(overlay);
    let mut all: Vec<(&str, &str)> = files.iter().map(|(p, t)| (*p, t.as_str())).collect();
    all.extend(more);
    repo(&all)
}

#[test]
fn an_overlay_is_a_build_and_its_base_is_not() {
    let repo = shop_repo("", &[]);
    let built = build(&repo);
    assert_eq!(built.builds.len(), 1);
    let prod = &built.builds[0];
    assert_eq!(prod.dir, Path::new("overlays/prod"));
    assert_eq!(prod.environment.as_deref(), Some("production"));
    assert_eq!((prod.objects.len(), prod.complete), (4, true));
    assert_eq!(
        prod.generated,
        BTreeSet::from([("ConfigMap".to_owned(), "conf".to_owned())])
    );
    assert_eq!(built.consumed.len(), 5);
    assert!(built.fragments.is_empty() && built.dangling.is_empty() && built.notes.is_empty());
}

#[test]
fn a_base_that_an_application_deploys_is_a_build_too() {
    let repo = shop_repo("", &[]);
    let built = build_with(&repo, &BTreeSet::from(["base".into(), "nowhere".into()]));
    let dirs: Vec<&Path> = built.builds.iter().map(|b| b.dir.as_path()).collect();
    assert_eq!(dirs, [Path::new("base"), Path::new("overlays/prod")]);
}

#[test]
fn references_follow_prefix_suffix_and_namespace() {
    let repo = shop_repo("namePrefix: eu-\nnameSuffix: -v2\nnamespace: shop\n", &[]);
    let built = build(&repo);
    let prod = &built.builds[0];
    let web = object(prod, "Deployment");
    assert_eq!(text(web, "metadata/name"), "eu-web-v2");
    assert_eq!(text(web, "metadata/namespace"), "shop");
    assert_eq!(text(web, "spec/template/spec/serviceAccountName"), "eu-web-v2");
    let container = &web.at("spec/template/spec/containers").unwrap().items()[0];
    assert_eq!(
        text(&container.get("envFrom").unwrap().items()[0], "configMapRef/name"),
        "eu-conf-v2"
    );
    assert_eq!(
        text(
            object(prod, "HorizontalPodAutoscaler"),
            "spec/scaleTargetRef/name"
        ),
        "eu-web-v2"
    );
    // The name stands where it was written, the namespace where it was set.
    assert_eq!(path_of(&repo, web.at("metadata/name").unwrap()), "base/web.yaml");
    assert_eq!(
        path_of(&repo, web.at("metadata/namespace").unwrap()),
        "overlays/prod/kustomization.yaml"
    );
}

#[test]
fn a_value_from_a_patch_or_an_entry_has_its_location_there() {
    let overlay = "images: [{name: r.io/web, newTag: '2'}]\nreplicas: [{name: web, count: 12}]\npatches:\n  - path: cpu.yaml\n  - target: {kind: HorizontalPodAutoscaler, name: web}\n    patch: |-\n      - op: add\n        path: /spec/maxReplicas\n        value: 50\n";
    let cpu = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: web, resources: {limits: {cpu: 500m}}}]}}}\n";
    let repo = shop_repo(overlay, &[("overlays/prod/cpu.yaml", cpu)]);
    let built = build(&repo);
    let prod = &built.builds[0];
    let web = object(prod, "Deployment");
    let container = &web.at("spec/template/spec/containers").unwrap().items()[0];
    let image = container.get("image").unwrap();
    assert_eq!(image.as_str(), Some("r.io/web:2"));
    assert_eq!(repo.sources.text(image.span), "'2'");
    let replicas = web.at("spec/replicas").unwrap();
    assert_eq!(repo.sources.text(replicas.span), "12");
    assert_eq!(path_of(&repo, replicas), "overlays/prod/kustomization.yaml");
    let cpu = container.at("resources/limits/cpu").unwrap();
    assert_eq!(path_of(&repo, cpu), "overlays/prod/cpu.yaml");
    assert!(
        container.get("envFrom").is_some(),
        "the rest of the container stays"
    );
    let max = object(prod, "HorizontalPodAutoscaler")
        .at("spec/maxReplicas")
        .unwrap();
    assert_eq!(repo.sources.text(max.span), "50");
    assert!(built.consumed.contains(Path::new("overlays/prod/cpu.yaml")));
}

#[test]
fn an_object_that_a_patch_deletes_is_gone() {
    let repo = shop_repo(
        "patches:\n- patch: |-\n    $patch: delete\n    apiVersion: v1\n    kind: ServiceAccount\n    metadata: {name: web}\n",
        &[],
    );
    let built = build(&repo);
    assert_eq!(built.builds[0].objects.len(), 3);
}

#[test]
fn a_missing_target_is_reported_at_its_line_with_the_nearest_name() {
    let overlay = "images: [{name: r.io/wbe, newTag: '2'}]\nreplicas: [{name: wep, count: 3}]\npatches:\n  - target: {kind: Deployment, name: webb}\n    patch: '[{op: remove, path: /spec/replicas}]'\n  - patch: |-\n      apiVersion: apps/v1\n      kind: Deployment\n      metadata: {name: wob}\n  - target: {kind: Deployment, name: web}\n    patch: |-\n      - {op: remove, path: /spec/paused}\nconfigMapGenerator: [{name: conv, behavior: merge, literals: [A=2]}]\n";
    let repo = shop_repo(overlay, &[]);
    let built = build(&repo);
    assert!(built.builds[0].failed.is_none());
    let mut found: Vec<(String, &str, Option<&str>, bool)> = built
        .dangling
        .iter()
        .map(|d| {
            (
                d.what.to_string(),
                repo.sources.text(d.span),
                d.nearest.as_deref(),
                d.refused,
            )
        })
        .collect();
    found.sort();
    let wanted = [
        ("generated object", "conv", Some("conf"), true),
        ("image", "r.io/wbe", Some("r.io/web"), false),
        ("patch target", "webb", Some("web"), false),
        ("patched object", "wob", Some("web"), true),
        ("path of a patch", "/spec/paused", None, true),
        ("workload of `replicas`", "wep", Some("web"), true),
    ]
    .map(|(a, b, c, d)| (a.to_owned(), b, c, d));
    assert_eq!(found, wanted);
}

#[test]
fn a_selector_without_a_name_may_match_nothing() {
    let repo = shop_repo(
        "patches: [{target: {kind: CronJob}, patch: '[{op: remove, path: /a}]'}]\n",
        &[],
    );
    assert_eq!(build(&repo).dangling, []);
}

#[test]
fn a_missing_file_fails_the_build_and_leaves_fragments() {
    let repo = repo(&[
        ("k/kustomization.yaml", "resources: [web.yaml, hpaa.yaml]\n"),
        ("k/web.yaml", DEPLOYMENT),
        ("k/hpa.yaml", HPA),
    ]);
    let built = build(&repo);
    let failed = built.builds[0].failed.as_ref().unwrap();
    assert!(failed.message.contains("hpaa.yaml"), "{failed:?}");
    assert_eq!(repo.sources.text(failed.span.unwrap()), "hpaa.yaml");
    assert!(built.builds[0].objects.is_empty());
    assert_eq!(built.dangling[0].nearest.as_deref(), Some("hpa.yaml"));
    assert_eq!(
        built.fragments,
        BTreeSet::from(["k/kustomization.yaml".into(), "k/web.yaml".into()])
    );
}

#[test]
fn a_file_that_git_ignores_does_not_fail_the_build() {
    let repo = repo(&[
        (".gitignore", "*.secret.yaml\n"),
        (
            "k/kustomization.yaml",
            "resources: [web.yaml, db.secret.yaml]\nimages: [{name: other, newTag: '1'}]\n",
        ),
        ("k/web.yaml", DEPLOYMENT),
    ]);
    let built = build(&repo);
    assert_eq!(
        built.dangling,
        [],
        "what matches nothing may match what is absent"
    );
    assert_eq!(built.builds[0].objects.len(), 1);
    assert!(!built.builds[0].complete);
    assert!(built.notes[0].message.contains("by design"));
}

#[test]
fn remote_and_unsupported_parts_are_named_and_the_rest_is_built() {
    let repo = repo(&[
        (
            "k/kustomization.yaml",
            "resources: [web.yaml, 'https://example.com/x.yaml', 'github.com/a/b//c?ref=v1', ../../outside]\nhelmCharts: [{name: redis}]\nvars: [{name: X}]\nresourcs: []\npatches: [{target: {name: elsewhere}, patch: '[{op: remove, path: /a}]'}]\n",
        ),
        ("k/web.yaml", DEPLOYMENT),
    ]);
    let built = build(&repo);
    assert_eq!(built.builds[0].objects.len(), 1);
    assert_eq!(built.notes.len(), 6, "{:?}", built.notes);
    assert!(built.notes.iter().any(|n| {
        n.message
            .contains("`resourcs` is not a field of a kustomization; `resources` is one")
    }));
    assert!(built.builds[0].failed.is_none() && !built.builds[0].complete);
    assert_eq!(
        built.dangling,
        [],
        "what matches nothing may match what is remote"
    );
}

#[test]
fn cycles_are_reported_once() {
    for files in [
        &[
            ("a/kustomization.yaml", "resources: [../b]"),
            ("b/kustomization.yaml", "resources: [../a]"),
        ][..],
        &[("a/kustomization.yaml", "resources: [../a]")],
        &[("kustomization.yaml", "resources: [.]")],
    ] {
        let repo = repo(files);
        let built = build(&repo);
        assert_eq!(built.builds.len(), 1);
        let failed = built.builds[0].failed.as_ref().unwrap();
        assert!(failed.message.contains("in a circle"), "{failed:?}");
        assert!(repo.sources.text(failed.span.unwrap()).contains('.'));
    }
}

#[test]
fn a_broken_file_is_named_as_the_cause() {
    let repo = repo(&[
        ("k/kustomization.yaml", "resources: [web.yaml]\n"),
        ("k/web.yaml", "a:\n\tb: 1\n"),
    ]);
    let built = build(&repo);
    let failed = built.builds[0].failed.as_ref().unwrap();
    assert_eq!(failed.path, Path::new("k/web.yaml"));
    assert!(failed.message.contains("tab"), "{failed:?}");
}

#[test]
fn a_duplicate_object_is_refused() {
    let repo = repo(&[
        ("k/kustomization.yaml", "resources: [a.yaml, b.yaml]\n"),
        ("k/a.yaml", ACCOUNT),
        ("k/b.yaml", ACCOUNT),
    ]);
    let built = build(&repo);
    assert!(built.builds[0].failed.as_ref().unwrap().message.contains("twice"));
}

#[test]
fn a_component_changes_the_resources_of_its_user() {
    let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: c-\npatches: [{target: {kind: CronJob, name: none}, patch: '[{op: remove, path: /a}]'}]\n";
    let repo = shop_repo(
        "components: [../../comp]\n",
        &[("comp/kustomization.yaml", component)],
    );
    let built = build(&repo);
    assert_eq!(built.builds.len(), 1, "a component is no build");
    assert_eq!(
        text(object(&built.builds[0], "Deployment"), "metadata/name"),
        "c-web"
    );
    assert_eq!(built.dangling, []);
}

#[test]
fn an_unused_component_leaves_fragments() {
    let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [a.yaml]\n";
    let repo = repo(&[("c/kustomization.yaml", component), ("c/a.yaml", ACCOUNT)]);
    let built = build(&repo);
    assert!(built.builds.is_empty());
    assert_eq!(built.fragments.len(), 2);
}

#[test]
fn generated_data_have_the_location_where_they_are_written() {
    let repo = repo(&[
        (
            "k/Kustomization",
            "configMapGenerator:\n- name: c\n  literals: [\"A='x y'\"]\n  files: [app.properties, k=data.json, gone.txt]\n  envs: [.env]\nsecretGenerator:\n- name: s\n  literals: [P=q]\n",
        ),
        ("k/app.properties", "acks=1\n"),
        ("k/data.json", "{\"a\": 1}"),
        ("k/.env", "# c\nHOST=db\n"),
    ]);
    let built = build(&repo);
    let map = object(&built.builds[0], "ConfigMap");
    let data = map.get("data").unwrap();
    assert_eq!(data.get("A").and_then(Node::as_str), Some("x y"));
    assert_eq!(
        data.get("app.properties").and_then(Node::as_str),
        Some("acks=1\n")
    );
    assert_eq!(path_of(&repo, data.get("k").unwrap()), "k/data.json");
    let host = data.get("HOST").unwrap();
    assert_eq!(
        (path_of(&repo, host).as_str(), repo.sources.text(host.span)),
        ("k/.env", "db")
    );
    assert!(matches!(data.get("gone.txt").unwrap().value, Value::Unknown(_)));
    assert_eq!(built.dangling[0].what, Named::File);
    assert_eq!(text(object(&built.builds[0], "Secret"), "stringData/P"), "q");
    assert!(built.consumed.contains(Path::new("k/.env")));
}

#[test]
fn kustomizations_under_all_names_count_and_those_of_flux_do_not() {
    let repo = repo(&[
        (
            "a/build.yaml",
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [sa.yaml]\n",
        ),
        ("a/sa.yaml", ACCOUNT),
        (
            "b/kustomization.yaml",
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: x}\n",
        ),
    ]);
    let built = build(&repo);
    assert_eq!(built.builds.len(), 1);
    assert_eq!(built.builds[0].objects.len(), 1);
    assert!(!built.consumed.contains(Path::new("b/kustomization.yaml")));
}

#[test]
fn a_schema_makes_lists_of_custom_resources_merge() {
    let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: r}\nspec: {template: {spec: {containers: [{name: a, image: x}]}}}\n";
    let patch = "patches:\n- patch: |-\n    apiVersion: argoproj.io/v1alpha1\n    kind: Rollout\n    metadata: {name: r}\n    spec: {template: {spec: {containers: [{name: a, tty: true}]}}}\n";
    for (extra, image_stays) in [("", false), ("openapi: {path: schema.json}\n", true)] {
        let kustomization = format!("resources: [r.yaml]\n{extra}{patch}");
        let repo = repo(&[("k/kustomization.yaml", &kustomization), ("k/r.yaml", rollout)]);
        let built = build(&repo);
        let rollout = object(&built.builds[0], "Rollout");
        let container = &rollout.at("spec/template/spec/containers").unwrap().items()[0];
        assert_eq!(container.get("image").is_some(), image_stays);
    }
}

#[test]
fn one_base_used_twice_keeps_its_references_separate() {
    let repo = repo(&[
        ("base/kustomization.yaml", "resources: [web.yaml, conf.yaml]\n"),
        ("base/web.yaml", DEPLOYMENT),
        (
            "base/conf.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf}\n",
        ),
        ("a/kustomization.yaml", "resources: [../base]\nnamePrefix: a-\n"),
        ("b/kustomization.yaml", "resources: [../base]\nnamePrefix: b-\n"),
        (
            "both/kustomization.yaml",
            "resources: [../a, ../b]\nnameSuffix: -x\n",
        ),
    ]);
    let built = build(&repo);
    assert_eq!(built.builds.len(), 1);
    for web in built.builds[0].objects.iter().filter(|o| o.get("spec").is_some()) {
        let name = text(web, "metadata/name");
        let container = &web.at("spec/template/spec/containers").unwrap().items()[0];
        let conf = text(&container.get("envFrom").unwrap().items()[0], "configMapRef/name");
        assert_eq!(conf, name.replace("web", "conf"));
    }
}

#[test]
fn replacements_copy_values() {
    let repo = shop_repo(
        "replacements:\n- source: {kind: HorizontalPodAutoscaler, fieldPath: metadata.name}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.annotations.hpa]\n    options: {create: true}\n  - select: {kind: Nothing}\n    fieldPaths: [a]\n",
        &[],
    );
    let built = build(&repo);
    assert_eq!(
        text(object(&built.builds[0], "Deployment"), "metadata/annotations/hpa"),
        "web"
    );
    assert_eq!(built.dangling.len(), 1);
    assert_eq!(built.dangling[0].what, Named::ReplacementTarget);
}

#[test]
fn bases_that_double_at_each_level_are_refused_quickly() {
    let files: Vec<(String, String)> = (0..40)
        .map(|i| {
            let text = if i == 0 {
                "namePrefix: x-\n".to_owned()
            } else {
                format!("resources: [../d{0}, ../d{0}/]\nnamePrefix: p{i}-\n", i - 1)
            };
            (format!("d{i}/kustomization.yaml"), text)
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let built = build(&repo(&files));
    assert!(
        built.builds[0]
            .failed
            .as_ref()
            .unwrap()
            .message
            .contains("too often")
    );
}

#[test]
fn a_tree_without_kustomizations_has_no_builds() {
    let built = build(&repo(&[("a.yaml", DEPLOYMENT)]));
    assert!(built.builds.is_empty() && built.consumed.is_empty());
}

fn any_kustomization() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("resources: [../a, ../b, w.yaml, ../c/]"),
        Just("bases: [..]"),
        Just("components: [../c]"),
        Just("namePrefix: x-"),
        Just("namespace: n"),
        Just("patches: [{path: w.yaml}, {target: {name: '.*'}, patch: '[{op: remove, path: /spec}]'}, 3]"),
        Just("patchesStrategicMerge: [w.yaml, '{kind: Deployment}', {a: 1}]"),
        Just("patchesJson6902: [{target: {kind: '['}, path: ../w.yaml}]"),
        Just("images: [{name: x, newTag: '1'}, {}, ~]"),
        Just("replicas: [{name: web, count: x}]"),
        Just(
            "configMapGenerator: [{name: c, files: [w.yaml, =], envs: [w.yaml], behavior: merge}, {name: d, literals: [=, a]}]"
        ),
        Just(
            "replacements: [{source: {kind: Deployment}, targets: [{select: {}, fieldPaths: [a.b, '[', spec]}]}]"
        ),
        Just("labels: [{pairs: {a: b}, includeSelectors: true, fields: [{path: 'spec[]/x', create: true}]}]"),
        Just("commonLabels: [1]"),
        Just("commonAnnotations: {a: {b: c}}"),
        Just("kind: Component"),
        Just("resources: 5"),
        Just("openapi: {path: w.yaml}"),
    ];
    proptest::collection::vec(line, 0..5).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_tree_panics(
        a in any_kustomization(),
        b in any_kustomization(),
        c in any_kustomization(),
        w in prop_oneof![Just(DEPLOYMENT), Just("[1, 2]"), Just("kind: List\nitems: [{kind: Deployment}, 1]"), Just("x"), Just("{"), Just("kind: Deployment\nmetadata: 3\nspec: []")],
    ) {
        let repo = repo(&[
            ("a/kustomization.yaml", &a),
            ("b/kustomization.yaml", &b),
            ("c/kustomization.yml", &c),
            ("a/w.yaml", w),
            ("b/w.yaml", w),
        ]);
        let built = build(&repo);
        // Every file of a kustomization is in a build or a fragment, and whatever failed has a cause.
        prop_assert!(built.fragments.is_subset(&built.consumed));
        for build in &built.builds {
            prop_assert!(build.failed.is_none() || build.objects.is_empty());
        }
    }
}

#[test]
fn every_missing_file_of_a_build_that_fails_is_named() {
    let names = |base: &str, overlay: &str| {
        let repo = repo(&[
            ("base/kustomization.yaml", base),
            ("base/web.yaml", DEPLOYMENT),
            ("plain/web.yaml", DEPLOYMENT),
            ("overlays/prod/kustomization.yaml", overlay),
        ]);
        let built = build(&repo);
        assert!(
            built.builds.iter().any(|b| b.failed.is_some()),
            "{base} {overlay}"
        );
        let mut names: Vec<String> = built.dangling.iter().map(|d| d.name.clone()).collect();
        names.sort();
        names.join(" ")
    };
    let good = "resources: [web.yaml]\n";
    let inputs = "patches: [{path: a.yaml}, {patch: '{b: 1}'}]\npatchesStrategicMerge: [c.yaml, 'kind: D\n\n  e: f']\nsecretGenerator: [{name: s, envs: [g.env], files: [key=h.txt, i.txt]}]\nreplacements: [{path: j.yaml}]\n";
    let wanted = "a.yaml c.yaml g.env h.txt i.txt j.yaml";
    assert_eq!(
        names(good, &format!("resources: [../../plain]\n{inputs}")),
        wanted
    );
    // Two resources that are not there, and what their base lacks.
    assert_eq!(
        names(
            "resources: [k.yaml]\npatches: [{path: l.yaml}]\n",
            "resources: [../../base, m.yaml]\n"
        ),
        "k.yaml l.yaml m.yaml"
    );
    // A plugin or schema that is not there is no part of what the build makes.
    assert_eq!(
        names(
            good,
            "resources: [../../plain]\ncrds: [x.json]\ntransformers: [y.yaml]\n"
        ),
        ""
    );
}
