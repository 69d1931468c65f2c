//! What applications name counts as kustomizations build them, and as far as an application is deployed.

use crate::pipeline::read_files;
use cofferdam_model::Platform;

fn application(name: &str, path: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\nspec:\n  source:\n    repoURL: https://git.example/config.git\n    path: {path}\n"
    )
}

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

/// Each missing name with its file, environment and certainty.
fn missing(files: &[(&str, &str)]) -> Vec<String> {
    let platform = platform(files);
    let all = platform.environments.iter();
    all.flat_map(|env| env.dangling.iter().map(move |d| (env, d)))
        .map(|(env, d)| {
            let certain = if d.certain { "" } else { " ?" };
            format!("{} {} {}{certain}", env.name, d.subject, d.name.value)
        })
        .collect()
}

#[test]
fn a_path_counts_as_each_overlay_leaves_it() {
    let base = application("all", "sets/staging");
    let patch = |path: &str| format!("- op: replace\n  path: /spec/source/path\n  value: sets/{path}\n");
    let (prod, dev) = (patch("production"), patch("dev"));
    let patched = "resources: [../base]\npatches: [{path: path.yaml, target: {kind: Application}}]\n";
    let files = [
        ("roots/base/kustomization.yaml", "resources: [all.yaml]\n"),
        ("roots/base/all.yaml", &*base),
        ("roots/staging/kustomization.yaml", "resources: [../base]\n"),
        ("roots/prod/kustomization.yaml", patched),
        ("roots/prod/path.yaml", &*prod),
        ("roots/dev/kustomization.yaml", patched),
        ("roots/dev/path.yaml", &*dev),
        ("sets/dev/kustomization.yaml", "resources: [a.yaml]\n"),
        (
            "sets/dev/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
        ),
    ];
    assert_eq!(
        missing(&files),
        [
            "production roots/prod/path.yaml sets/production",
            "staging roots/base/all.yaml sets/staging",
        ]
    );
    // An overlay may take the application out.
    let delete = "resources: [../base]\npatches: [{patch: '{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: all}, $patch: delete}'}]\n";
    let files = [
        files[0],
        files[1],
        ("roots/staging/kustomization.yaml", delete),
        files[7],
        files[8],
    ];
    assert_eq!(missing(&files), [""; 0]);
}
