//! Places apart from the platform, and manifests that no build uses.

use crate::pipeline::read_files;
use cofferdam_model::Platform;

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

/// Each place apart with what it is and its number of files.
fn places(files: &[(&str, &str)]) -> Vec<String> {
    let places = platform(files).scope.places_apart;
    let shown = places.iter().map(|place| {
        format!(
            "{} {} {}",
            place.directory.display(),
            place.why.name(),
            place.files
        )
    });
    shown.collect()
}

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";

#[test]
fn a_place_in_an_environment_called_like_one_is_the_place_alone() {
    let files = [
        ("overlays/uat/a.yaml", CONFIG),
        ("overlays/test/a.yaml", CONFIG),
        ("overlays/test/fixtures/b.yaml", CONFIG),
    ];
    assert_eq!(places(&files), ["overlays/test/fixtures tests 1"]);
    let mut deeper = files.to_vec();
    deeper.push(("overlays/test/fixtures/more/c.yaml", CONFIG));
    assert_eq!(places(&deeper), ["overlays/test/fixtures tests 2"]);
}

#[test]
fn what_lies_in_the_templates_of_a_chart_is_the_charts() {
    let chart = [
        ("README.md", ""),
        ("c/Chart.yaml", "apiVersion: v2\nname: c\n"),
        ("c/templates/a.yaml", CONFIG),
    ];
    let with = |path: &str| {
        let mut files = chart.to_vec();
        files.push((path, CONFIG));
        (places(&files), platform(&files).scope.projects.len())
    };
    for inside in [
        "c/templates/b.yaml",
        "c/templates/tests/b.yaml",
        "c/templates/docs/b.yaml",
    ] {
        assert_eq!(with(inside), (Vec::new(), 1), "{inside}");
    }
    for (beside, place) in [
        ("c/tests/b.yaml", "c/tests tests 1"),
        ("c/examples/b.yaml", "c/examples examples 1"),
        ("c/files/templates/b.yaml", "c/files/templates templates 1"),
        ("k8s/templates/b.yaml", "k8s/templates templates 1"),
    ] {
        assert_eq!(with(beside), (vec![place.to_owned()], 2), "{beside}");
    }
}

/// A kustomization that names manifests beside it and below, and inputs of a generator.
const BUILD: &[(&str, &str)] = &[
    (
        "k8s/kustomization.yaml",
        "resources: [cm.yaml, more/b.yaml]\nconfigMapGenerator: [{name: g, files: [../files/app.conf, ../files/app.yaml]}]\n",
    ),
    ("k8s/cm.yaml", CONFIG),
    (
        "k8s/more/b.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n",
    ),
    ("files/app.conf", "a\n"),
    ("files/app.yaml", "a: 1\n"),
];

/// The places of manifests that no build uses.
fn unused(more: &[(&str, &str)]) -> Vec<String> {
    let mut files = BUILD.to_vec();
    files.extend(more);
    let shown = places(&files).into_iter();
    shown
        .filter_map(|place| Some(place.strip_suffix(" manifests that no build uses 1")?.to_owned()))
        .collect()
}

#[test]
fn manifests_are_unused_where_a_kustomization_takes_manifests_from() {
    for (path, place) in [
        ("k8s/x.yaml", Some("k8s")),
        ("k8s/more/x.yaml", Some("k8s/more")),
        ("k8s/extra/x.yaml", Some("k8s/extra")),
        ("k8s/extra/deep/x.yaml", Some("k8s/extra/deep")),
        // Inputs of generators lie anywhere.
        ("files/x.yaml", None),
        ("plain/x.yaml", None),
    ] {
        let wanted: Vec<&str> = place.into_iter().collect();
        assert_eq!(unused(&[(path, CONFIG)]), wanted, "{path}");
    }
    for text in [
        "a: 1\n",
        "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: x}\n",
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n",
    ] {
        assert!(unused(&[("k8s/x.yaml", text)]).is_empty(), "{text}");
    }
    // A directory of which a kustomization elsewhere names manifests, and one that only has inputs below.
    let far = |resources: &'static str, more: &'static str| {
        places(&[
            ("over/kustomization.yaml", resources),
            ("plain/a.yaml", CONFIG),
            ("over/files/a.conf", "a\n"),
            ("over/files/a.yaml", "a: 1\n"),
            (more, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"),
        ])
    };
    let named = "resources: [../plain/a.yaml]\nconfigMapGenerator: [{name: g, files: [files/a.conf, files/a.yaml]}]\n";
    assert_eq!(
        far(named, "plain/b.yaml"),
        ["plain manifests that no build uses 1"]
    );
    assert!(far(named, "over/other/b.yaml").is_empty());
}

#[test]
fn what_something_else_takes_or_deploys_is_used() {
    let extra = ("k8s/extra/x.yaml", CONFIG);
    let apply = |dir: &str| format!("kubectl apply -f {dir}\n");
    assert!(unused(&[extra, ("d.sh", &apply("k8s/extra"))]).is_empty());
    let elsewhere = [extra, ("plain/x.yaml", CONFIG), ("d.sh", &apply("plain"))];
    assert_eq!(unused(&elsewhere), ["k8s/extra"]);
    let chart = [
        ("k8s/chart/Chart.yaml", "apiVersion: v2\nname: chart\n"),
        ("k8s/chart/templates/x.yaml", CONFIG),
    ];
    assert!(unused(&chart).is_empty());
    let mut files = BUILD.to_vec();
    files.extend(chart);
    assert_eq!(
        platform(&files).scope.projects.len(),
        1,
        "it is in no project of its own"
    );
    let json = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "j"}}"#;
    assert!(unused(&[("k8s/x.tf.json", json)]).is_empty());
    assert_eq!(unused(&[("k8s/x.json", json)]), ["k8s"]);
}

#[test]
fn manifests_of_a_build_that_fails_or_of_a_component_are_what_that_is() {
    let build = |kustomization: &str| {
        places(&[
            ("README.md", ""),
            ("k8s/kustomization.yaml", kustomization),
            ("k8s/a.yaml", CONFIG),
        ])
    };
    assert!(build("resources: [a.yaml]\n").is_empty());
    assert!(build("resources: [a.yaml, gone.yaml]\n").is_empty());
    let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [a.yaml]\n";
    assert_eq!(build(component), ["k8s manifests that no build uses 1"]);
}

#[test]
fn a_place_of_one_file_is_that_file() {
    let shown = |files: &[(&str, &str)]| -> Vec<String> {
        let places = platform(files).scope.places_apart;
        places.iter().map(cofferdam_model::PlaceApart::shown).collect()
    };
    let mut files = vec![
        ("k8s/kustomization.yaml", "resources: [a.yaml]\n"),
        ("k8s/a.yaml", CONFIG),
        ("k8s/b.yaml", CONFIG),
    ];
    assert_eq!(shown(&files), ["k8s/b.yaml"]);
    files.push(("k8s/c.yaml", CONFIG));
    assert_eq!(shown(&files), ["k8s/"]);
    assert_eq!(
        shown(&[("k8s/a.yaml", CONFIG), ("examples/b.yaml", CONFIG)]),
        ["examples/"]
    );
}
