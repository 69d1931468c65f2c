use super::*;

fn roots(files: &[(&str, &str)]) -> Vec<String> {
    let repo = Repo::from_texts(files);
    let projects = Projects::of(&repo, &|_| false);
    let show = |p: &Project| match p.apart {
        None => p.root.display().to_string(),
        Some(why) => format!("{} ({})", p.root.display(), why.name()),
    };
    projects.all.iter().map(show).collect()
}

#[test]
fn one_repository_is_one_project() {
    assert_eq!(
        roots(&[("a.yaml", ""), ("one/b.yaml", ""), ("two/c.yaml", "")]),
        [""]
    );
    assert_eq!(roots(&[("k8s/b.yaml", ""), ("shop/c.yaml", "")]), [""]);
    assert_eq!(
        roots(&[("only/k8s/b.yaml", ""), ("only/shop/c.yaml", "")]),
        ["", "only"]
    );
}

#[test]
fn an_overlay_joins_what_lies_below_it_only_if_it_states_something() {
    let with = |overlay| {
        roots(&[
            ("cofferdam.yaml", overlay),
            ("shop/README.md", ""),
            ("till/README.md", ""),
        ])
    };
    // As `init` writes it: names without a value, and comments that name files.
    let silent = "version: 1\nservices:\n  api:\n    pool:\n## as in ../till/README.md and shop/README.md\n#     size: 5\n";
    assert_eq!(with(silent), ["", "shop", "till"]);
    assert_eq!(with("services: {api: {processes: 2}}\n"), [""]);
    assert_eq!(with("services: [\n"), [""]);
}

#[test]
fn repositories_side_by_side_are_projects() {
    assert_eq!(
        roots(&[
            ("shop/README.md", ""),
            ("shop/k8s/a.yaml", ""),
            ("till/b.yaml", "")
        ]),
        ["", "shop", "till"]
    );
    // One that calls what only another declares belongs to it; copies of one platform do not.
    let service = "kind: Service\nmetadata: {name: api}\n";
    let call = "env: [{name: A, value: 'http://api:80/'}]\n";
    assert_eq!(roots(&[("shop/a.yaml", service), ("till/b.yaml", call)]), [""]);
    let both = format!("{service}---\n{call}");
    assert_eq!(
        roots(&[("shop/a.yaml", &both), ("till/b.yaml", &both)]),
        ["", "shop", "till"]
    );
    // Two that belong together stay together, in whatever order their calls are read.
    let first = "env: [{name: A, value: 'http://mill:80/'}, {name: B, value: 'http://zoo:80/'}]\n";
    let named = |name: &str| format!("kind: Service\nmetadata: {{name: {name}}}\n");
    assert_eq!(
        roots(&[
            ("all/a/one/x.yaml", first),
            ("all/a/two/x.yaml", &named("zoo")),
            ("all/b/x.yaml", &named("mill")),
        ]),
        ["", "all"]
    );
    // Directories that hold nothing but manifests are no repositories.
    assert_eq!(roots(&[("shop/a.yaml", SERVICE), ("till/b.yaml", SERVICE)]), [""]);
    for other in [
        ("till/README.md", ""),
        ("till/more/c.yaml", SERVICE),
        ("till/b.yaml", "a: 1\n"),
        ("till/b.yaml", "# nothing\n"),
        ("till/b.yaml", "apiVersion: v2\nname: chart\n"),
        ("till/b.yaml", "kind: chart\n"),
    ] {
        assert_eq!(
            roots(&[("shop/a.yaml", SERVICE), ("till/c.yaml", SERVICE), other]),
            ["", "shop", "till"],
            "{}",
            other.0
        );
    }
    // One that uses files of another belongs to it.
    assert_eq!(
        roots(&[
            ("shop/kustomization.yaml", "resources: [../till/b.yaml]\n"),
            ("till/b.yaml", ""),
        ]),
        [""]
    );
}

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: own}\n";

#[test]
fn a_repository_inside_another_is_a_project_unless_something_around_it_speaks_of_it() {
    let with = |more: &[(&str, &str)]| {
        let mut files = vec![("k8s/a.yaml", SERVICE), ("tools/x/k8s/b.yaml", SERVICE)];
        files.extend(more);
        roots(&files)
    };
    assert_eq!(with(&[]), [""]);
    let alone = ["", "tools/x"];
    let top = ("tools/x/.github/workflows/a.yml", "on: push\n");
    assert_eq!(with(&[top]), alone);
    assert_eq!(with(&[("tools/x/.gitlab-ci.yml", "a: {}\n")]), alone);
    assert_eq!(
        with(&[(".gitmodules", "[submodule \"x\"]\n\tpath = tools/x\n\turl = u\n")]),
        alone
    );
    assert_eq!(with(&[(".github/workflows/a.yml", "on: push\n")]), [""]);
    for speaks in [
        "resources: [../tools/x/k8s]\n",
        "run: kubectl apply -f tools/x/k8s\n",
        "path: './tools/x'\n",
    ] {
        assert_eq!(with(&[top, ("k8s/kustomization.yaml", speaks)]), [""], "{speaks}");
    }
    assert_eq!(with(&[top, ("k8s/c.yaml", "path: some-tools/x\n")]), alone);
    for silent in [
        ("k8s/c.yaml", "path: tools/xyz\n"),
        // What it says of itself counts for nothing.
        ("tools/x/d.yaml", "path: tools/x/k8s\n"),
    ] {
        assert_eq!(with(&[top, silent]), alone, "{}", silent.1);
    }
    // What it uses of what is around it makes it a part of that.
    let used = ("tools/x/kustomization.yaml", "resources: [../../k8s]\n");
    assert_eq!(with(&[top, used]), [""]);
}

#[test]
fn the_name_of_an_inner_repository_is_a_path_only_before_a_slash() {
    let with = |text: &str| {
        roots(&[
            ("k8s/a.yaml", text),
            ("inner/.gitlab-ci.yml", "a: {}\n"),
            ("inner/k8s/b.yaml", SERVICE),
        ])
    };
    assert_eq!(with("name: inner\n"), ["", "inner"]);
    assert_eq!(with("path: inner/k8s\n"), [""]);
}

#[test]
fn a_directory_with_a_git_of_its_own_is_a_project() {
    let files = ["k8s/a.yaml", "tools/x/b.yaml"].map(|p| (PathBuf::from(p), SERVICE.as_bytes().to_vec()));
    let mut repo = Repo::from_files(files);
    assert_eq!(Projects::of(&repo, &|_| false).all.len(), 1);
    repo.repositories.insert(PathBuf::from("tools/x"));
    let projects = Projects::of(&repo, &|_| false);
    let all: Vec<&Path> = projects.all.iter().map(|p| p.root.as_path()).collect();
    assert_eq!(all, [Path::new(""), Path::new("tools/x")]);
}

#[test]
fn a_project_inside_stays_one_when_those_around_it_are_joined() {
    let files = [
        ("a/README.md", ""),
        ("a/x.yaml", "u: ../b/y.yaml\n"),
        ("b/README.md", ""),
        ("b/y.yaml", "a: 1\n"),
        ("b/inner/.gitlab-ci.yml", "a: {}\n"),
        ("b/inner/z.yaml", SERVICE),
    ];
    assert_eq!(roots(&files), ["", "b/inner"]);
    let mut used = files.to_vec();
    used.push(("a/z.yaml", "u: ../b/inner/z.yaml\n"));
    assert_eq!(roots(&used), [""]);
}

#[test]
fn beside_a_part_of_a_platform_the_others_are_parts_too() {
    for part in PARTS {
        let path = format!("{}/README.md", part.to_uppercase());
        assert_eq!(roots(&[(&path, ""), ("shop/README.md", "")]), [""], "{part}");
    }
    assert_eq!(
        roots(&[("till/README.md", ""), ("shop/README.md", "")]),
        ["", "shop", "till"]
    );
    // A file beside them makes them parts of what it is a part of, and so does the name of an environment.
    assert_eq!(
        roots(&[("till/README.md", ""), ("shop/README.md", ""), ("x.md", "")]),
        [""]
    );
    assert_eq!(roots(&[("till/README.md", ""), ("preprod/README.md", "")]), [""]);
    // Repositories may be grouped.
    assert_eq!(
        roots(&[
            ("a/till/README.md", ""),
            ("a/shop/README.md", ""),
            ("b/README.md", "")
        ]),
        ["", "a/shop", "a/till", "b"]
    );
}

#[test]
fn what_uses_another_directory_belongs_to_it() {
    let with = |text: &str| {
        roots(&[
            ("a/one/README.md", ""),
            ("a/one/x.yaml", text),
            ("a/two/README.md", ""),
            ("a/two/y.yaml", "services: {api: {image: x}}\n"),
            ("b/README.md", ""),
            ("b/z.yaml", "services: {db: {image: x}}\n"),
        ])
    };
    let apart = ["", "a/one", "a/two", "b"];
    assert_eq!(with("a: 1\n"), apart);
    // Together they are at the directory that holds both, and what is not named stays apart.
    let joined = ["", "a", "b"];
    for uses in [
        "p: ../two/y.yaml\n",
        "p: '../two'\n",
        "p: [../two/]\n",
        "u: http://api:80/x\n",
        "u: postgres://user:word@api/x\n",
    ] {
        assert_eq!(with(uses), joined, "{uses}");
    }
    for uses_not in [
        "p: ../gone\n",
        "p: ../two/gone.yaml\n",
        "p: ../../../two\n",
        "p: ../one\n",
        "u: http://other:80\n",
        "u: 'http://x/@api'\n",
        "u: api\n",
    ] {
        assert_eq!(with(uses_not), apart, "{uses_not}");
    }
    assert_eq!(with("p: ../../b/z.yaml\n"), [""]);
    let hyphen = "services: {api-v2: {image: x}}\n";
    let call = "u: http://api-v2:80\n";
    let called = [
        ("a/README.md", ""),
        ("a/x.yaml", call),
        ("b/README.md", ""),
        ("b/y.yaml", hyphen),
    ];
    assert_eq!(roots(&called), [""]);
    // What two declare tells nothing of which is meant.
    let both = [
        ("a/README.md", ""),
        ("a/x.yaml", "u: http://api:80\n"),
        ("b/README.md", ""),
        ("b/y.yaml", "services: {api: {image: x}}\n"),
        ("c/README.md", ""),
        ("c/y.yaml", "services: {api: {image: x}}\n"),
    ];
    assert_eq!(roots(&both), ["", "a", "b", "c"]);
    assert_eq!(roots(&both[..4]), [""]);
}

#[test]
fn a_host_joins_two_directories_only_where_it_is_the_service_of_one() {
    let object = |namespace: &str, text: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{namespace}}}\ndata: {{u: '{text}'}}\n")
    };
    let service = |name: &str, namespace: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}{namespace}}}\nspec: {{ports: [{{port: 80}}]}}\n"
        )
    };
    let is_joined = |caller: &str, declared: &str| {
        let files = [
            ("a/README.md", ""),
            ("a/x.yaml", caller),
            ("b/README.md", ""),
            ("b/y.yaml", declared),
        ];
        roots(&files) == [""]
    };
    let (shop, other) = (", namespace: shop", ", namespace: other");
    let compose = "services: {orders: {image: x}, redis: {image: redis}}\n";
    for (caller, declared, wanted) in [
        (object("", "http://orders:80"), service("orders", ""), true),
        (object(shop, "http://orders:80"), service("orders", shop), true),
        (
            object(shop, "http://orders.shop:80/x"),
            service("orders", shop),
            true,
        ),
        (
            object(other, "http://orders.shop.svc.cluster.local/"),
            service("orders", shop),
            true,
        ),
        (
            object("", "http://orders.shop.svc:80"),
            service("orders", ""),
            true,
        ),
        ("u: http://orders:80\n".to_owned(), compose.to_owned(), true),
        (
            "services: {web: {image: x, environment: ['U=http://orders:80']}}\n".to_owned(),
            compose.to_owned(),
            true,
        ),
        // In another namespace the short name is another service.
        (object(shop, "http://orders:80"), service("orders", other), false),
        (
            object(shop, "http://orders.third:80"),
            service("orders", other),
            false,
        ),
        // A domain of the internet.
        (
            object("", "https://orders.example.com/"),
            service("orders", ""),
            false,
        ),
        (
            object("", "https://orders.shop.example.com/"),
            service("orders", shop),
            false,
        ),
        // A pod reaches no service of Compose, and the reverse.
        (object("", "http://orders:80"), compose.to_owned(), false),
        (
            "services: {web: {image: x, environment: ['U=http://orders:80']}}\n".to_owned(),
            service("orders", ""),
            false,
        ),
        // Every platform has one.
        (object("", "redis://redis:6379"), service("redis", ""), false),
        ("u: redis://redis:6379\n".to_owned(), compose.to_owned(), false),
        (object("", "postgres://u:w@db/x"), service("db", ""), false),
        (
            object("", "redis://redis.shop.svc:6379"),
            service("redis", shop),
            true,
        ),
    ] {
        assert_eq!(is_joined(&caller, &declared), wanted, "{caller}\n{declared}");
    }
}

#[test]
fn each_example_is_a_project_of_its_own() {
    assert_eq!(
        roots(&[
            ("a.yaml", ""),
            ("examples/x/k8s/a.yaml", ""),
            ("examples/y/a.yaml", ""),
            ("examples/z.yaml", ""),
        ]),
        [
            "",
            "examples (examples)",
            "examples/x (examples)",
            "examples/y (examples)"
        ]
    );
}

#[test]
fn what_is_one_project_is_not_divided_again() {
    let files = [
        ("a/one/README.md", ""),
        ("a/one/x.yaml", "u: ../../b/y.yaml\n"),
        ("a/two/README.md", ""),
        ("a/two/x.yaml", "u: ../one/x.yaml\n"),
        ("b/README.md", ""),
        ("b/y.yaml", "a: 1\n"),
    ];
    assert_eq!(roots(&files), [""]);
}

#[test]
fn a_repository_inside_is_joined_to_the_one_around_it_by_paths_of_either() {
    let with = |outer: &str, inner: &str| {
        roots(&[
            ("a/README.md", ""),
            ("b/README.md", ""),
            ("b/k8s/x.yaml", outer),
            ("b/inner/.gitlab-ci.yml", "a: {}\n"),
            ("b/inner/z.yaml", inner),
        ])
    };
    let service = "services: {api: {image: x}}\n";
    assert_eq!(with(service, "a: 1\n"), ["", "a", "b", "b/inner"]);
    assert_eq!(with("u: ../inner/z.yaml\n", "a: 1\n"), ["", "a", "b"]);
    assert_eq!(
        with("u: ../inner/gone.yaml\n", "a: 1\n"),
        ["", "a", "b", "b/inner"]
    );
    // That one calls or names itself joins nothing, and hides nothing.
    assert_eq!(with("u: ../k8s/x.yaml\n", "u: ../k8s/x.yaml\n"), ["", "a", "b"]);
    let itself = format!("{service}u: http://api:80\n");
    assert_eq!(with(&itself, "a: 1\n"), ["", "a", "b", "b/inner"]);
    assert_eq!(with(&itself, "u: ../k8s/x.yaml\n"), ["", "a", "b"]);
}

#[test]
fn files_that_are_not_read_make_a_directory_a_repository() {
    let with = |passed_over: &[&str]| {
        let files =
            ["b/shop/a.yaml", "b/till/a.yaml"].map(|p| (PathBuf::from(p), SERVICE.as_bytes().to_vec()));
        let mut repo = Repo::from_files(files);
        repo.passed_over = passed_over.iter().map(PathBuf::from).collect();
        let projects = Projects::of(&repo, &|_| false);
        let all = projects.all.iter().map(|p| p.root.display().to_string());
        all.collect::<Vec<_>>()
    };
    // Below another directory they say nothing of these, whether that comes before or after them.
    assert_eq!(with(&["a/x.png", "c/x.png"]), ["", "a", "b", "c"]);
    assert_eq!(with(&["a/x.png", "b/till/x.png"]), ["", "a", "b/shop", "b/till"]);
    assert_eq!(with(&["b/till/x.png", "c/x.png"]), ["", "b/shop", "b/till", "c"]);
}

#[test]
fn a_directory_is_plain_by_its_own_files() {
    let plain = [("a/shop/a.yaml", SERVICE), ("a/till/b.yaml", SERVICE)];
    let mut files = plain.to_vec();
    files.push(("b/c.yaml", "a: 1\n"));
    assert_eq!(roots(&files), ["", "a", "b"]);
}
