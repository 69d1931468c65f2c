//! Files that a script makes before anything is built.

use crate::pipeline::read_files;

/// How many files are missing, and why the build is not whole, of a kustomization that names `k8s/gen/a.yaml`.
fn of(script: &str, command: &str) -> (usize, String) {
    let files = [
        ("README.md", ""),
        ("k8s/kustomization.yaml", "resources: [gen/a.yaml]\n"),
        (script, command),
    ];
    let files = files.map(|(p, t)| (p.into(), t.as_bytes().to_vec()));
    let platform = read_files(files);
    let missing = platform.environments.iter().map(|env| env.dangling.len()).sum();
    let reasons = platform.scope.in_part.values().flatten().cloned();
    (missing, reasons.collect::<Vec<_>>().join(", "))
}

#[test]
fn a_file_that_a_script_makes_is_not_missing() {
    for (script, command) in [
        ("up.sh", "cp x k8s/gen/a.yaml\n"),
        ("k8s/up.sh", "cp x gen/a.yaml\n"),
        ("tools/up.sh", "cp x ../k8s/gen/a.yaml\n"),
        // From the top, or from wherever the script went.
        ("tools/up.sh", "cp x k8s/gen/a.yaml\n"),
        ("tools/up.sh", "cp x gen/a.yaml\n"),
        ("tools/up.sh", "cp x ./k8s/gen/a.yaml\n"),
        ("up.sh", "mkdir -p k8s/gen\n"),
        ("up.sh", "tar -xf x.tar -C k8s/gen/\n"),
        ("up.sh", "cp x \"$ROOT/k8s/gen/a.yaml\"\n"),
        ("up.sh", "cp x $ROOT//k8s/gen/a.yaml\n"),
        ("up.sh", "cp x ./k8s/gen/a.yaml\n"),
    ] {
        let reason = format!("`gen/a.yaml` is made by {script}, so this can be built only after it has run");
        assert_eq!(of(script, command), (0, reason), "{script}: {command}");
    }
}

#[test]
fn a_file_that_no_script_makes_is_missing() {
    for (script, command) in [
        ("up.sh", "cat k8s/gen/a.yaml\n"),
        ("up.sh", "cp x k8s/gen/b.yaml\n"),
        // The directory is here.
        ("up.sh", "mkdir -p k8s\n"),
        ("up.sh", "mkdir -p $OUT\n"),
        // A name alone may be anywhere.
        ("tools/up.sh", "cp x a.yaml\n"),
        ("tools/up.sh", "mkdir gen\n"),
        ("Dockerfile", "FROM x\nRUN cp x k8s/gen/a.yaml\n"),
    ] {
        let (missing, reason) = of(script, command);
        assert!(
            missing == 1 && !reason.contains("is made by"),
            "{script}: {command}: {reason}"
        );
    }
}

#[test]
fn a_name_alone_is_of_the_top_or_of_the_directory_of_the_script() {
    let missing = |script: &str| {
        let files = [
            ("kustomization.yaml", "resources: [gen.yaml]\n"),
            ("a.yaml", "a: 1\n"),
            (script, "cp x gen.yaml\n"),
        ];
        let platform = read_files(files.map(|(p, t)| (p.into(), t.as_bytes().to_vec())));
        let all = platform.environments.iter().map(|env| env.dangling.len());
        all.sum::<usize>()
    };
    assert_eq!(missing("up.sh"), 0);
    assert_eq!(missing("tools/up.sh"), 0);
    assert_eq!(missing("other.yaml"), 1);
}

#[test]
fn an_image_is_made_by_no_script() {
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";
    let files = [
        ("a/kustomization.yaml", "resources: [gen.yaml]\n"),
        (
            "b/kustomization.yaml",
            "resources: [c.yaml]\nimages: [{name: web, newTag: '1'}]\n",
        ),
        ("b/c.yaml", config),
        ("up.sh", "cp x a/gen.yaml\nmkdir -p b/web\n"),
    ];
    let platform = read_files(files.map(|(p, t)| (p.into(), t.as_bytes().to_vec())));
    let names = platform.environments.iter().flat_map(|env| &env.dangling);
    let names: Vec<&str> = names.map(|dangling| dangling.name.value.as_str()).collect();
    assert_eq!(names, ["web"]);
}
