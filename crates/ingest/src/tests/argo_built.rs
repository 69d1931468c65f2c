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
    // Where one overlay brings applications, the others are roots like it.
    let child = application("child", "sets/dev");
    let mut with_children = files.to_vec();
    with_children[8] = ("sets/dev/a.yaml", &child);
    assert_eq!(missing(&with_children), missing(&files));
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

#[test]
fn an_application_that_no_application_brings_is_not_deployed_for_certain() {
    let top = application("top", "apps/main");
    let (good, bad) = (application("good", "web"), application("bad", "gone"));
    let mut files = vec![
        ("web/kustomization.yaml", "resources: [a.yaml]\n"),
        (
            "web/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
        ),
        (
            "apps/main/kustomization.yaml",
            "resources: [good.yaml, bad.yaml]\n",
        ),
        ("apps/main/good.yaml", &*good),
        ("apps/main/bad.yaml", &*bad),
    ];
    // Somebody applies each by hand.
    assert_eq!(missing(&files), ["default apps/main/bad.yaml gone"]);
    files.push(("top/top.yaml", &top));
    assert_eq!(missing(&files), ["default apps/main/bad.yaml gone"]);
    files.extend([
        ("apps/draft/kustomization.yaml", "resources: [bad.yaml]\n"),
        ("apps/draft/bad.yaml", &*bad),
    ]);
    let both = [
        "default apps/draft/bad.yaml gone ?",
        "default apps/main/bad.yaml gone",
    ];
    assert_eq!(missing(&files), both);
    // Files beside a root are applied like it.
    let alone = application("alone", "lost");
    let mut beside = files.clone();
    beside.push(("top/alone.yaml", &alone));
    assert!(missing(&beside).contains(&"default top/alone.yaml lost".to_owned()));
    beside.last_mut().unwrap().0 = "other/alone.yaml";
    assert!(missing(&beside).contains(&"default other/alone.yaml lost ?".to_owned()));
    // What names the draft is itself named by no kustomization.
    let draft = application("draft", "apps/draft");
    files.push(("top/draft.yaml", &draft));
    files.push(("top/kustomization.yaml", "resources: [top.yaml]\n"));
    assert_eq!(missing(&files), both);
    *files.last_mut().unwrap() = ("top/kustomization.yaml", "resources: [top.yaml, draft.yaml]\n");
    assert_eq!(missing(&files).len(), 2);
    assert!(missing(&files).iter().all(|shown| !shown.ends_with('?')));
    // A command deploys it.
    files.truncate(files.len() - 2);
    files.push(("up.sh", "kubectl apply -k apps/draft\n"));
    assert!(missing(&files).iter().all(|shown| !shown.ends_with('?')));
}

#[test]
fn applications_that_deploy_themselves_are_roots() {
    let (own, one) = (application("own", "top"), application("one", "apps"));
    let bad = application("bad", "gone");
    let files = [
        ("top/kustomization.yaml", "resources: [one.yaml]\n"),
        ("top/one.yaml", &*one),
        ("apps/kustomization.yaml", "resources: [own.yaml, bad.yaml]\n"),
        ("apps/own.yaml", &*own),
        ("apps/bad.yaml", &*bad),
    ];
    assert_eq!(missing(&files), ["default apps/bad.yaml gone"]);
}
