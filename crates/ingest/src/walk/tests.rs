use super::*;
use std::fs;

struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[&str]) -> Tree {
        let tree = Tree(tempfile::tempdir().unwrap());
        for file in files {
            let path = tree.path(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "a: 1\n").unwrap();
        }
        tree
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn read(&self, paths: &[&str]) -> Walked {
        self.with(paths, None).unwrap()
    }

    fn with(&self, paths: &[&str], config: Option<&str>) -> Result<Walked, ReadError> {
        read(&Input {
            paths: paths.iter().map(|path| self.path(path)).collect(),
            config: config.map(|config| self.path(config)),
            ..Input::default()
        })
    }
}

fn files(walked: &Walked) -> Vec<String> {
    let paths = walked.repo.files.keys();
    paths.map(|path| path.display().to_string()).collect()
}

#[test]
fn repositories_around_and_inside_the_root_are_known() {
    let tree = Tree::new(&[
        "top/.git/config",
        "top/a/x.yaml",
        "top/a/b/.git",
        "top/a/b/y.yaml",
    ]);
    let walked = tree.read(&["top"]);
    assert_eq!(walked.repo.below, PathBuf::new());
    assert_eq!(walked.repo.repositories, [PathBuf::from("a/b")].into());
    let part = tree.read(&["top/a"]);
    assert_eq!(part.repo.below, PathBuf::from("a"));
    assert_eq!(part.repo.repositories, [PathBuf::from("b")].into());
    let inner = tree.read(&["top/a/b"]);
    assert_eq!(inner.repo.below, PathBuf::new());
    assert!(inner.repo.repositories.is_empty());
    assert_eq!(files(&inner), ["y.yaml"]);
}

#[test]
fn the_root_is_the_nearest_common_directory() {
    let tree = Tree::new(&["a/b/x.yaml", "a/c/y.yaml", "a/c/d/z.yaml", "other.yaml"]);
    for (paths, wanted, whole) in [
        (vec!["a"], vec!["b/x.yaml", "c/d/z.yaml", "c/y.yaml"], true),
        (
            vec!["a/b", "a/c"],
            vec!["b/x.yaml", "c/d/z.yaml", "c/y.yaml"],
            false,
        ),
        (vec!["a/b", "a/c/d/z.yaml"], vec!["b/x.yaml", "c/d/z.yaml"], false),
        (vec!["a/c/d", "a/c"], vec!["d/z.yaml", "y.yaml"], true),
        (vec!["a/c/y.yaml", "a/c/y.yaml"], vec!["y.yaml"], false),
        (
            vec!["a/c/y.yaml", "a/c/d/z.yaml"],
            vec!["d/z.yaml", "y.yaml"],
            false,
        ),
        (
            vec!["a/b/..", "a/./b"],
            vec!["b/x.yaml", "c/d/z.yaml", "c/y.yaml"],
            true,
        ),
    ] {
        let walked = tree.read(&paths);
        assert_eq!(files(&walked), wanted, "{paths:?}");
        assert_eq!(walked.part, !whole, "{paths:?}");
        assert_eq!(walked.repo.given.is_none(), whole, "{paths:?}");
    }
    assert_eq!(tree.read(&["a"]).root, None);
    let root = tree.read(&["a/b", "a/c"]).root.unwrap();
    assert_eq!(root, fs::canonicalize(tree.path("a")).unwrap());
}

#[test]
fn paths_that_cannot_be_read_are_all_named() {
    let tree = Tree::new(&["a.yaml"]);
    let ReadError::Paths(messages) = tree.with(&["a.yaml", "b.yaml", "a.yaml/c"], None).unwrap_err() else {
        panic!()
    };
    assert_eq!(messages.len(), 2);
}

#[test]
fn reasons_are_in_plain_english() {
    let said = |kind| plain(&io::Error::from(kind));
    assert_eq!(said(io::ErrorKind::PermissionDenied), "permission denied");
    assert_eq!(said(io::ErrorKind::NotFound), "no such file or directory");
    assert_eq!(
        said(io::ErrorKind::NotADirectory),
        "a part of the path is not a directory"
    );
    assert_eq!(said(io::ErrorKind::IsADirectory), "it is a directory");
}

#[test]
fn the_overlay_knows_the_path_from_its_directory_to_the_root() {
    let tree = Tree::new(&[
        "r/.git/HEAD",
        "r/cofferdam.yaml",
        "r/a/b/x.yaml",
        "r/ops/o.yaml",
        "above/o.yaml",
    ]);
    let config = |paths: &[&str], named: Option<&str>| {
        let config = tree.with(paths, named).unwrap().config.unwrap();
        (
            config.path.display().to_string(),
            config.above.display().to_string(),
        )
    };
    let pair = |path: &str, above: &str| (path.to_owned(), above.to_owned());
    assert_eq!(config(&["r"], None), pair("cofferdam.yaml", ""));
    assert_eq!(config(&["r/a/b"], None), pair("../../cofferdam.yaml", "a/b"));
    assert_eq!(
        config(&["r/a/b/x.yaml"], None),
        pair("../../cofferdam.yaml", "a/b")
    );
    assert_eq!(
        config(&["r/a/b"], Some("r/cofferdam.yaml")),
        pair("../../cofferdam.yaml", "a/b")
    );
    assert_eq!(
        config(&["r/a/b"], Some("r/ops/o.yaml")),
        pair("../../ops/o.yaml", "")
    );
    assert_eq!(config(&["r"], Some("r/ops/o.yaml")), pair("ops/o.yaml", ""));
    assert_eq!(
        config(&["r/a"], Some("above/o.yaml")),
        pair("../../above/o.yaml", "")
    );
    assert!(tree.read(&["r/a/b"]).part && !tree.read(&["r"]).part);
}

#[test]
fn a_repository_ends_at_a_file_called_git_too() {
    let tree = Tree::new(&[
        "r/.git/HEAD",
        "r/cofferdam.yaml",
        "r/module/.git",
        "r/module/k/x.yaml",
    ]);
    assert_eq!(tree.read(&["r/module/k"]).config, None);
    fs::write(tree.path("r/module/cofferdam.yaml"), "{}").unwrap();
    assert_eq!(
        tree.read(&["r/module/k"]).config.unwrap().path,
        Path::new("../cofferdam.yaml")
    );
}

#[test]
fn a_directory_with_the_name_of_an_overlay_is_not_an_overlay() {
    let tree = Tree::new(&[
        "r/.git/HEAD",
        "r/cofferdam.yaml/x.yaml",
        "r/cofferdam.yml",
        "r/a/y.yaml",
    ]);
    assert_eq!(
        tree.read(&["r/a"]).config.unwrap().path,
        Path::new("../cofferdam.yml")
    );
}

#[test]
fn overlays_that_are_not_used_are_listed() {
    let tree = Tree::new(&[
        "cofferdam.yaml",
        "cofferdam.yml",
        "a/cofferdam.yaml",
        "a/x.yaml",
        "b/cofferdam.yml",
        "b/y.yaml",
    ]);
    let unused = |paths: &[&str], config: Option<&str>| {
        let unused = tree.with(paths, config).unwrap().unused;
        unused
            .iter()
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
    };
    let wanted = ["a/cofferdam.yaml", "b/cofferdam.yml", "cofferdam.yml"];
    assert_eq!(unused(&[""], None), wanted);
    assert_eq!(unused(&["a/x.yaml", "b/y.yaml"], None), wanted);
    assert_eq!(
        unused(&["a", "b/y.yaml"], Some("b/cofferdam.yml")),
        ["a/cofferdam.yaml", "cofferdam.yaml", "cofferdam.yml"]
    );
    assert!(unused(&["a/x.yaml"], None).is_empty());
}

/// A tree of real files, links included: path and text, link and what is written in it.
#[cfg(unix)]
fn linked(files: &[(&str, &str)], links: &[(&str, &str)]) -> (tempfile::TempDir, Repo) {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("root");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(outer.path().join("outside.yaml"), "a: outside").unwrap();
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    for (path, target) in links {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
    }
    let repo = read(&Input::path(&root)).unwrap().repo;
    (outer, repo)
}

#[cfg(unix)]
#[test]
fn a_link_counts_as_its_target_file() {
    let (_kept, repo) = linked(
        &[
            ("shared/a.yaml", "a: 1"),
            ("shared/b.tf", "locals {}"),
            (".gitignore", "built\n"),
            ("built/c.yaml", "c: 1"),
            ("notes.txt", "a: 1"),
        ],
        &[
            ("x/a.yaml", "../shared/a.yaml"),
            ("x/all", "../shared"),
            ("x/c.yaml", "../built/c.yaml"),
            ("x/d.yaml", "../notes.txt"),
            ("y", "x"),
        ],
    );
    let id = |path: &str| repo.files.get(Path::new(path)).copied();
    for link in ["x/a.yaml", "x/all/a.yaml", "y/a.yaml", "y/all/a.yaml"] {
        assert_eq!(id(link), id("shared/a.yaml"), "{link}");
        assert!(repo.yaml.contains_key(Path::new(link)), "{link}");
        assert_eq!(repo.links[Path::new(link)], Path::new("shared/a.yaml"));
    }
    assert_eq!(id("y/all/b.tf"), id("shared/b.tf"));
    // Read only through the link, so that they are separate files.
    assert!(repo.yaml.contains_key(Path::new("x/c.yaml")));
    assert!(repo.yaml.contains_key(Path::new("x/d.yaml")));
    assert!(!repo.links.contains_key(Path::new("x/c.yaml")));
    assert!(repo.is_below_link(Path::new("y/a.yaml")) && !repo.is_below_link(Path::new("x/a.yaml")));
    assert!(repo.unfollowed.is_empty(), "{:?}", repo.unfollowed);
    assert_eq!(
        repo.own_files()
            .filter(|(path, _)| path.ends_with("a.yaml"))
            .count(),
        1
    );
}

#[cfg(unix)]
#[test]
fn links_that_leave_the_root_or_loop_are_not_followed() {
    let (_kept, repo) = linked(
        &[("a/x.yaml", "resources: [out.yaml]"), ("b/y.yaml", "y: 1")],
        &[
            ("a/out.yaml", "../../outside.yaml"),
            ("a/self.yaml", "self.yaml"),
            ("a/gone.yaml", "gone/x.yaml"),
            ("a/vars.tf", "../../vars.tf"),
            ("a/up", ".."),
            ("a/to-b", "../b"),
            ("b/to-a", "../a"),
        ],
    );
    for path in [
        "a/out.yaml",
        "a/self.yaml",
        "a/gone.yaml",
        "a/vars.tf",
        "a/up",
        "a/to-b/to-a",
    ] {
        assert!(
            repo.unfollowed.contains_key(Path::new(path)),
            "{path}: {:?}",
            repo.unfollowed
        );
    }
    assert!(repo.is_unfollowed(Path::new("a/up/b/y.yaml")));
    assert!(repo.yaml.contains_key(Path::new("a/to-b/y.yaml")));
    assert!(!repo.files.contains_key(Path::new("a/to-b/to-a/x.yaml")));
    let named: Vec<PathBuf> = repo.named_unfollowed().into_iter().map(|u| u.path).collect();
    assert!(
        named.contains(&"a/out.yaml".into()) && named.contains(&"a/vars.tf".into()),
        "{named:?}"
    );
    assert!(!named.contains(&"a/self.yaml".into()), "{named:?}");
}

/// Makes a pipe; to read it would wait for somebody who writes.
#[cfg(unix)]
fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[cfg(unix)]
#[test]
fn pipes_sockets_and_devices_are_reported_and_not_opened() {
    use std::os::unix::fs::symlink;
    let tree = Tree::new(&["a/x.yaml"]);
    pipe(&tree.path("a/pipe.yaml"));
    pipe(&tree.path("a/Dockerfile"));
    pipe(&tree.path("a/other"));
    let _socket = std::os::unix::net::UnixListener::bind(tree.path("a/socket.tf")).unwrap();
    symlink("pipe.yaml", tree.path("a/link.yaml")).unwrap();
    symlink("other", tree.path("a/other.yaml")).unwrap();
    symlink("/dev/zero", tree.path("a/zero.yaml")).unwrap();
    let walked = tree.read(&["a"]);
    assert_eq!(files(&walked), ["x.yaml"]);
    let unread: Vec<&str> = walked
        .repo
        .unreadable
        .iter()
        .filter_map(|u| u.path.to_str())
        .collect();
    assert_eq!(unread, ["Dockerfile", "other.yaml", "pipe.yaml", "socket.tf"]);
    for unreadable in &walked.repo.unreadable {
        assert!(
            unreadable.message.contains("not a file but a pipe"),
            "{unreadable:?}"
        );
    }
    assert!(walked.repo.unfollowed.contains_key(Path::new("zero.yaml")));
}

#[cfg(unix)]
#[test]
fn ignore_files_that_cannot_be_read_as_such_are_reported_and_ignore_nothing() {
    use std::os::unix::fs::symlink;
    let read = |prepare: &dyn Fn(&Tree)| {
        let tree = Tree::new(&[
            "top/a/in.yaml",
            "top/a/deep/in.bak.yaml",
            "top/b/out.bak.yaml",
            "top/b/in.yaml",
        ]);
        fs::write(tree.path("top/.gitignore"), "*.bak.yaml\n").unwrap();
        prepare(&tree);
        let walked = tree.read(&["top"]);
        let unread: Vec<String> = (walked.repo.unreadable.iter())
            .map(|unread| unread.path.display().to_string())
            .collect();
        let files = files(&walked).into_iter().filter(|file| file.ends_with(".yaml"));
        (files.collect::<Vec<_>>(), unread)
    };
    let all = ["a/deep/in.bak.yaml", "a/in.yaml", "b/in.yaml", "b/out.bak.yaml"];
    let not_b = ["a/deep/in.bak.yaml", "a/in.yaml", "b/in.yaml"];
    assert_eq!(
        read(&|_| {}),
        (vec!["a/in.yaml".into(), "b/in.yaml".into()], vec![])
    );
    let inner = |name: &'static str, wanted: &str| {
        let (files, unread) = read(&|tree| pipe(&tree.path(name)));
        assert_eq!(files, not_b, "{name}");
        assert_eq!(unread, [wanted], "{name}");
    };
    inner("top/a/.gitignore", "a/.gitignore");
    inner("top/a/.ignore", "a/.ignore");
    let (files, unread) = read(&|tree| symlink("/dev/zero", tree.path("top/a/.gitignore")).unwrap());
    assert_eq!(
        (files, unread),
        (not_b.map(str::to_owned).into(), vec!["a/.gitignore".into()])
    );
    let (files, unread) = read(&|tree| {
        fs::create_dir_all(tree.path("top/.git/info")).unwrap();
        pipe(&tree.path("top/.git/info/exclude"));
    });
    assert_eq!(files, all);
    assert_eq!(unread, [".git/info/exclude"]);
    let (files, unread) = read(&|tree| {
        fs::write(tree.path("top/.gitignore"), "*a*b*c\n".repeat(30_000)).unwrap();
    });
    assert_eq!(files, all);
    assert_eq!(unread, [".gitignore"]);
    // Above what was given.
    let (files, unread) = read(&|tree| pipe(&tree.path(".ignore")));
    assert_eq!(files, all);
    assert_eq!(unread, ["../.ignore"]);
}

#[test]
fn what_is_no_text_by_its_end_is_still_bounded() {
    let tree = Tree::new(&["a.yaml"]);
    let large = vec![b'a'; MAX_FILE_BYTES as usize + 1];
    fs::write(tree.path("large.yaml"), large).unwrap();
    assert!(read_bounded(&tree.path("large.yaml")).is_err_and(|why| why.contains("8.1 MiB")));
    assert!(read_bounded(&tree.path("gone.yaml")).is_err_and(|why| why.contains("no such file")));
    assert!(read_bounded(&tree.path("")).is_err());
    // The size of these is not known before they are read.
    if cfg!(target_os = "linux") {
        assert!(read_bounded(Path::new("/proc/self/status")).is_ok_and(|bytes| !bytes.is_empty()));
        assert_eq!(read_bounded(Path::new("/dev/zero")), Err(NO_FILE.to_owned()));
    }
}
