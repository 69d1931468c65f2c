use super::{Repo, normalise};
use std::path::{Path, PathBuf};

fn repo(files: &[(&str, &[u8])]) -> Repo {
    Repo::from_files(files.iter().map(|(p, b)| (PathBuf::from(p), b.to_vec())))
}

#[test]
fn an_unreadable_file_is_reported_and_hides_no_other() {
    let repo = repo(&[
        ("a.yaml", b"a: 1"),
        ("bin.yaml", b"\0\x01"),
        ("latin.yaml", b"a: \xe9"),
        ("utf16.yaml", b"\xff\xfea\0"),
        ("photo.png", b"\x89PNG"),
        ("secrets/prod.yaml", b"\0GITCRYPT\0\x01"),
    ]);
    assert_eq!(repo.encrypted, [PathBuf::from("secrets/prod.yaml")]);
    assert!(repo.exists(Path::new("secrets/prod.yaml")));
    assert_eq!(repo.yaml.len(), 1);
    assert_eq!(repo.unreadable.len(), 3);
    assert_eq!(repo.passed_over, [PathBuf::from("photo.png")]);
}

#[test]
fn a_path_from_the_repository_root_is_found_from_every_root() {
    let files: &[(&str, &[u8])] = &[
        ("a/README.md", b""),
        ("a/k8s/web/x.yaml", b"a: 1"),
        ("a/argo/k8s/y.yaml", b"a: 1"),
        ("b/k8s/z.yaml", b"a: 1"),
        ("b/deep/only/z.yaml", b"a: 1"),
        ("c/k8s/z.yaml", b"a: 1"),
    ];
    let mut repo = repo(files);
    // Behind a link is the same.
    let link = crate::links::Target::Directory(PathBuf::from("b"));
    repo.add_links([(PathBuf::from("zone"), link)].into());
    let found = |repo: &Repo, written: &str, by: &str| {
        let path = repo.from_top(Path::new(written), Path::new(by));
        path.map(|path| path.display().to_string())
    };
    let table = [
        ("a/k8s", "x.yaml", Some("a/k8s")),
        ("/a/k8s/", "x.yaml", Some("a/k8s")),
        ("./a/./k8s", "x.yaml", Some("a/k8s")),
        // The outermost directory around the file that has it is the top.
        ("k8s", "a/argo/app.yaml", Some("a/k8s")),
        ("k8s/y.yaml", "a/argo/app.yaml", Some("a/argo/k8s/y.yaml")),
        // Nothing around it has it: the only path that ends so, if it is more than a name.
        ("deep/only", "a/argo/app.yaml", Some("b/deep/only")),
        ("only", "a/argo/app.yaml", None),
        ("k8s/z.yaml", "a/argo/app.yaml", None),
        ("../a", "a/argo/app.yaml", None),
        ("gone/k8s", "a/argo/app.yaml", None),
    ];
    for (written, by, wanted) in table {
        assert_eq!(found(&repo, written, by).as_deref(), wanted, "{written} of {by}");
    }
    // Where a part of a repository was given, its paths begin above the root.
    repo.below = PathBuf::from("platform/all");
    assert_eq!(
        found(&repo, "platform/all/b/k8s", "x.yaml").as_deref(),
        Some("b/k8s")
    );
    assert_eq!(found(&repo, "platform/all/gone", "x.yaml"), None);
    assert_eq!(found(&repo, "b/k8s", "x.yaml").as_deref(), Some("b/k8s"));
}

#[test]
fn a_file_with_a_control_character_in_its_name_is_reported_under_a_readable_name() {
    let repo = repo(&[
        ("a\n::error::x.yaml", b"a: 1"),
        ("b\u{9b}.yaml", b"a: 1"),
        ("é.yaml", b"a: 1"),
    ]);
    assert_eq!(repo.files.keys().collect::<Vec<_>>(), [Path::new("é.yaml")]);
    let shown: Vec<&Path> = repo.unreadable.iter().map(|u| u.path.as_path()).collect();
    assert_eq!(
        shown,
        [Path::new("a\u{FFFD}::error::x.yaml"), Path::new("b\u{FFFD}.yaml")]
    );
}

#[test]
fn a_file_that_git_ignores_is_not_reported_as_missing() {
    let repo = repo(&[
        (".gitignore", b"*.secret.yaml\n"),
        ("k8s/.gitignore", b"local.env\n"),
    ]);
    assert!(repo.absent_by_design(Path::new("k8s/db.secret.yaml")));
    assert!(repo.absent_by_design(Path::new("k8s/local.env")));
    assert!(!repo.absent_by_design(Path::new("local.env")));
}

#[test]
fn a_directory_of_a_submodule_is_not_reported_as_missing() {
    let repo = repo(&[("r/.gitmodules", b"[submodule \"s\"]\n\tpath = lib/s\n\turl = x\n")]);
    assert!(repo.absent_by_design(Path::new("r/lib/s/modules/a")));
    assert!(!repo.absent_by_design(Path::new("r/lib/t")));
}

#[test]
fn nothing_is_missing_if_no_directory_was_given() {
    let mut repo = repo(&[("k8s/a.yaml", b"a: 1")]);
    assert!(!repo.absent_by_design(Path::new("k8s/b.yaml")));
    assert!(repo.is_given(Path::new("")));
    repo.given = Some(["k8s/a.yaml".into(), "base".into()].into());
    assert!(repo.absent_by_design(Path::new("k8s/b.yaml")));
    assert!(!repo.absent_by_design(Path::new("base/b.yaml")));
    assert!(!repo.is_given(Path::new("k8s")) && !repo.is_given(Path::new("")));
}

#[test]
fn all_files_share_what_aliases_may_add() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..5 {
        let all = vec![format!("*a{}", n - 1); 10].join(", ");
        text += &format!("a{n}: &a{n} [{all}]\n");
    }
    let small = "a: &a {x: 1}\nb: *a\n";
    let paths = (0..60).map(|n| format!("f{n:02}.yaml"));
    let files = paths.map(|path| (PathBuf::from(path), text.clone().into_bytes()));
    let small = [("z.yaml", small)].map(|(p, t)| (PathBuf::from(p), t.as_bytes().to_vec()));
    let repo = Repo::from_files(files.chain(small));
    let cut: Vec<&PathBuf> = (repo.yaml.iter())
        .filter(|(_, stream)| !stream.errors.is_empty())
        .map(|(path, _)| path)
        .collect();
    // Those that come first are read, and one with few aliases always.
    assert!((10..58).contains(&cut.len()), "{}", cut.len());
    assert!(cut.iter().all(|path| path.as_path() > Path::new("f01.yaml")));
    assert!(!cut.contains(&&PathBuf::from("z.yaml")));
}

#[test]
fn paths_are_normalised_without_a_file_system() {
    assert_eq!(normalise(Path::new("a/./b/../c")), PathBuf::from("a/c"));
    assert_eq!(normalise(Path::new("a/../../c")), PathBuf::from("../c"));
}
