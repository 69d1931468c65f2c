//! Kustomizations that ask for more work and memory than any machine has.

use super::*;

fn built(files: Vec<(String, String)>) -> Built {
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    build(&repo(&files))
}

fn failed(built: &Built) -> Vec<&str> {
    let failed = built.builds.iter().filter_map(|build| build.failed.as_ref());
    failed.map(|unreadable| unreadable.message.as_str()).collect()
}

fn config_map(keys: usize) -> String {
    let mut text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n".to_owned();
    for n in 0..keys {
        text += &format!("  k{n}: v\n");
    }
    text
}

#[test]
fn overlays_that_each_copy_a_large_base_share_one_budget() {
    let mut files = vec![
        (
            "base/kustomization.yaml".to_owned(),
            "resources: [cm.yaml]\n".to_owned(),
        ),
        ("base/cm.yaml".to_owned(), config_map(40_000)),
    ];
    for n in 0..400 {
        let text = format!("resources: [../base]\nnameSuffix: -{n}\n");
        files.push((format!("o{n:03}/kustomization.yaml"), text));
    }
    let built = built(files);
    let failed = failed(&built);
    assert!((50..390).contains(&failed.len()), "{}", failed.len());
    assert!(
        failed
            .iter()
            .all(|message| message.contains("too much time or memory"))
    );
    // Those that come first are built.
    assert!(built.builds[..10].iter().all(|build| build.objects.len() == 1));
}

#[test]
fn overlays_that_include_all_overlays_of_the_level_below_end() {
    let mut files = vec![("x.yaml".to_owned(), DEPLOYMENT.to_owned())];
    for level in 0..4 {
        for n in 0..30 {
            let below: Vec<String> = match level {
                0 => vec!["../x.yaml".to_owned()],
                _ => (0..30).map(|n| format!("../l{}-{n}", level - 1)).collect(),
            };
            let text = format!("resources: [{}]\nnameSuffix: -{n}\n", below.join(", "));
            files.push((format!("l{level}-{n}/kustomization.yaml"), text));
        }
    }
    let built = built(files);
    assert_eq!(built.builds.len(), 30);
    assert_eq!(failed(&built).len(), 30);
}

#[test]
fn a_hundred_overlays_of_a_usual_base_are_all_built() {
    let mut files = vec![(
        "base/kustomization.yaml".to_owned(),
        "resources: [x.yaml]\n".to_owned(),
    )];
    let objects: Vec<String> = (0..50)
        .map(|n| DEPLOYMENT.replace("metadata: {name: web}", &format!("metadata: {{name: web{n}}}")))
        .collect();
    files.push(("base/x.yaml".to_owned(), objects.join("---\n")));
    for n in 0..100 {
        let text =
            format!("resources: [../base]\nnamespace: n{n}\nimages: [{{name: r.io/web, newTag: '{n}'}}]\n");
        files.push((format!("o{n}/kustomization.yaml"), text));
    }
    assert_eq!(failed(&built(files)), Vec::<&str>::new());
}

#[test]
fn patches_and_replacements_that_copy_are_bounded() {
    let doubling = (0..40).map(|n| format!("    - {{op: copy, from: /data, path: /data/c{n}}}\n"));
    let patches: String = doubling.collect();
    let inline =
        format!("resources: [cm.yaml]\npatches:\n- target: {{kind: ConfigMap}}\n  patch: |\n{patches}");
    let replacements: String = (0..40)
        .map(|n| {
            format!(
                "- source: {{kind: ConfigMap, fieldPath: data}}\n  targets:\n  - select: {{kind: ConfigMap}}\n    fieldPaths: [data.c{n}]\n    options: {{create: true}}\n"
            )
        })
        .collect();
    let replaced = format!("resources: [cm.yaml]\nreplacements:\n{replacements}");
    for text in [inline, replaced] {
        let built = built(vec![
            ("kustomization.yaml".to_owned(), text),
            ("cm.yaml".to_owned(), config_map(3)),
        ]);
        assert_eq!(failed(&built).len(), 1);
    }
}

#[test]
fn very_many_patches_of_very_many_objects_end() {
    let patches: String = (0..3_000)
        .map(|n| {
            format!("- target: {{kind: ConfigMap}}\n  patch: '[{{op: add, path: /metadata/labels, value: {{a: b{n}}}}}]'\n")
        })
        .collect();
    let objects: Vec<String> = (0..3_000)
        .map(|n| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}}}\n"))
        .collect();
    let built = built(vec![
        (
            "kustomization.yaml".to_owned(),
            format!("resources: [cm.yaml]\npatches:\n{patches}"),
        ),
        ("cm.yaml".to_owned(), objects.join("---\n")),
    ]);
    let failed = built.builds[0].failed.as_ref().unwrap();
    assert!(
        failed.message.contains("too much time or memory"),
        "{}",
        failed.message
    );
    assert!(failed.span.is_some() && failed.path.ends_with("kustomization.yaml"));
}
