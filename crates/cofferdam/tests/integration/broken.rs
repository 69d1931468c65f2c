//! Broken input: the command reports what is wrong and where, or correctly skips it; it never panics, and
//! everything that can be read is still judged.

use std::path::Path;
use std::process::Command;

/// A Deployment with one replica and no limits: certain to be found.
const FAULTY: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, namespace: shop}\nspec:\n  replicas: 1\n  \
                      selector: {matchLabels: {app: api}}\n  template:\n    metadata: {labels: {app: api}}\n    \
                      spec: {containers: [{name: api, image: \"api:latest\"}]}\n";

/// The result of the command.
struct Outcome {
    code: i32,
    said: String,
}

impl Outcome {
    #[track_caller]
    fn says(&self, wanted: &[&str]) -> &Self {
        for text in wanted {
            assert!(self.said.contains(text), "`{text}` is missing in:\n{}", self.said);
        }
        self
    }
}

fn check(files: &[(&str, &[u8])]) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    run(command(directory.path()))
}

fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
    command
        .args(["check", "--color", "never"])
        .arg(directory)
        .env("NO_COLOR", "1");
    command
}

/// A panic ends with 101 and a signal with none; both fail here.
fn run(mut command: Command) -> Outcome {
    let output = command.output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!said.contains("panicked"), "{said}");
    let code = output.status.code().expect("the command ends by itself");
    assert!((0..=2).contains(&code), "{code}: {said}");
    Outcome { code, said }
}

/// The same broken file alone (exit code 2) and beside a faulty one, whose faults are still reported (exit
/// code 1).
#[track_caller]
fn refused(path: &str, bytes: &[u8], wanted: &[&str]) {
    let alone = check(&[(path, bytes)]);
    assert_eq!(alone.code, 2, "{}", alone.said);
    alone.says(&[path]).says(wanted);
    let beside = check(&[(path, bytes), ("shop/api.yaml", FAULTY.as_bytes())]);
    assert_eq!(beside.code, 1, "{}", beside.said);
    beside.says(&[path, "shop/api.yaml"]).says(wanted);
}

#[test]
fn a_binary_file_with_a_configuration_name_is_reported() {
    refused("values.yaml", b"\x7fELF\0\0\x01\x02", &["binary"]);
}

#[test]
fn a_binary_file_with_a_binary_name_is_ignored() {
    let logo: &[u8] = b"\x89PNG\r\n\x1a\n\0\0";
    let outcome = check(&[("logo.png", logo), ("api.yaml", FAULTY.as_bytes())]);
    assert_eq!(outcome.code, 1, "{}", outcome.said);
    outcome.says(&["1 file skipped"]);
    let alone = check(&[("logo.png", logo)]);
    assert_eq!(alone.code, 2, "{}", alone.said);
    alone.says(&["nothing to check", "the only file there is not configuration"]);
}

#[test]
fn tabs_that_indent_yaml_are_reported_with_their_line() {
    let text = b"apiVersion: v1\nkind: Service\nmetadata:\n\tname: api\n";
    refused("service.yaml", text, &["service.yaml:4:", "tab"]);
}

#[test]
fn a_duplicate_key_is_reported_and_the_rest_is_judged() {
    let twice = FAULTY.replace("  replicas: 1\n", "  replicas: 3\n  replicas: 1\n");
    let outcome = check(&[("api.yaml", twice.as_bytes())]);
    assert_eq!(outcome.code, 1, "{}", outcome.said);
    outcome.says(&["`replicas`", "twice", "api.yaml:6:"]);
}

#[test]
fn anchors_and_merge_keys_are_followed() {
    let shared = FAULTY.replace(
        "spec: {containers: [{name: api, image: \"api:latest\"}]}",
        "spec:\n      containers:\n      - &base {name: api, image: \"api:latest\"}\n      - {<<: *base, name: sidecar}",
    );
    let outcome = check(&[("api.yaml", shared.as_bytes())]);
    assert_eq!(outcome.code, 1, "{}", outcome.said);
    assert!(!outcome.said.contains("unreadable"), "{}", outcome.said);
    // Two containers without limits, one of which takes its image from the anchor.
    outcome.says(&["sidecar"]);
}

#[test]
fn an_undefined_anchor_is_reported_with_its_line() {
    let text = FAULTY.replace("{app: api}}\n  template", "*labels}\n  template");
    refused("app.yaml", text.as_bytes(), &["app.yaml:6:", "anchor"]);
}

#[test]
fn aliases_that_multiply_without_end_are_refused() {
    let mut text =
        "apiVersion: v1\nkind: ConfigMap\ndata:\n  a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        text.push_str(&format!(
            "  a{level}: &a{level} [{}]\n",
            [below.as_str(); 9].join(", ")
        ));
    }
    refused("bomb.yaml", text.as_bytes(), &["bomb.yaml:"]);
}

#[test]
fn kustomizations_in_a_cycle_are_reported_and_not_followed_for_ever() {
    let outcome = check(&[
        ("a/kustomization.yaml", b"resources:\n- ../b\n"),
        ("b/kustomization.yaml", b"resources:\n- ../a\n"),
    ]);
    assert_eq!(outcome.code, 2, "{}", outcome.said);
    outcome.says(&["circle", "b/kustomization.yaml:2:"]);
    let itself = check(&[("a/kustomization.yaml", b"resources:\n- ../a\n")]);
    assert_eq!(itself.code, 2, "{}", itself.said);
    itself.says(&["a/kustomization.yaml:2:"]);
}

#[test]
fn a_file_of_50_megabytes_is_reported_and_not_read() {
    let text = "key: value value value value value value value value value value\n".repeat(50_000_000 / 65);
    refused(
        "dump.yaml",
        text.as_bytes(),
        &["dump.yaml is 47.7 MiB", "limit of 8 MiB", "exclude"],
    );
}

#[test]
fn a_syntax_error_in_terraform_is_reported_with_its_line() {
    let text = b"resource \"aws_db_instance\" \"main\" {\n  engine = \"postgres\"\n  count = = 2\n}\n";
    refused("main.tf", text, &["main.tf:3:11", "syntax"]);
}

#[test]
fn text_that_is_not_utf_8_is_reported_with_its_line() {
    refused("latin.yaml", b"a: 1\nname: caf\xe9\n", &["UTF-8", "line 2"]);
    refused("wide.yaml", b"\xff\xfea\0:\0", &["UTF-16", "UTF-8"]);
}

#[cfg(unix)]
#[test]
fn a_file_without_read_permission_is_reported() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;

    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret.yaml");
    std::fs::write(&secret, FAULTY).unwrap();
    std::fs::write(directory.path().join("api.yaml"), FAULTY).unwrap();
    let mode =
        |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(&secret, 0o000);
    mode(directory.path(), 0o755);
    // Root may read everything, so the command runs as nobody. The binary is copied if nobody may not reach
    // it.
    let as_root = directory.path().metadata().unwrap().uid() == 0;
    let binary = tempfile::tempdir().unwrap();
    let copy = binary.path().join("cofferdam");
    std::fs::copy(env!("CARGO_BIN_EXE_cofferdam"), &copy).unwrap();
    mode(binary.path(), 0o755);
    let mut command = Command::new(&copy);
    command
        .args(["check", "--color", "never"])
        .arg(directory.path())
        .current_dir("/");
    if as_root {
        command.uid(65534).gid(65534);
    }
    let outcome = run(command);
    assert_eq!(outcome.code, 1, "{}", outcome.said);
    outcome.says(&["secret.yaml", "permission denied", "api.yaml"]);

    let closed = directory.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    mode(&closed, 0o000);
    for arguments in [
        vec![secret.as_path()],
        vec![&closed],
        vec![directory.path(), &closed.join("api.yaml")],
        vec![directory.path(), Path::new("--config"), &secret],
    ] {
        let mut refused = Command::new(&copy);
        refused
            .args(["check", "--color", "never"])
            .args(&arguments)
            .current_dir("/");
        if as_root {
            refused.uid(65534).gid(65534);
        }
        let outcome = run(refused);
        assert_eq!(outcome.code, 2, "{arguments:?}: {}", outcome.said);
        outcome.says(&["permission denied"]);
    }
    mode(&closed, 0o755);
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf8_are_named() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let directory = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"caf\xe9");
    let inside = directory.path().join(name);
    std::fs::create_dir(&inside).unwrap();
    // Alone, as one file of several, and as the name of the directory above.
    std::fs::write(directory.path().join(OsStr::from_bytes(b"x\xe9.yaml")), "a: 1\n").unwrap();
    for given in [directory.path(), &inside] {
        std::fs::write(inside.join("a.yaml"), "kind: Service\n").unwrap();
        let outcome = run(command(given));
        assert!(!outcome.said.contains("has a bug"), "{}", outcome.said);
    }
    let outcome = run(command(directory.path()));
    outcome.says(&["x\u{FFFD}.yaml", "name that is not UTF-8", "rename it"]);
    // An argument that names nothing is an error with the name in it.
    let outcome = run(command(&directory.path().join(OsStr::from_bytes(b"gone\xff"))));
    assert_eq!(outcome.code, 2, "{}", outcome.said);
    outcome.says(&["gone\u{FFFD}", "no such file"]);
}

#[test]
fn an_empty_directory_has_nothing_to_check() {
    let outcome = check(&[]);
    assert_eq!(outcome.code, 2, "{}", outcome.said);
    outcome.says(&["nothing to check"]);
}

#[test]
fn a_path_that_does_not_exist_is_a_usage_error() {
    let outcome = run(command(Path::new("/there/is/no/such/directory")));
    assert_eq!(outcome.code, 2, "{}", outcome.said);
    outcome.says(&["/there/is/no/such/directory", "no such file"]);
}

#[test]
fn code_that_cannot_be_parsed_is_named_as_the_cause_where_nothing_else_is_there() {
    let outcome = check(&[("a.py", b"import redis\ndef broken(:\n    ]]] = = =\n((((\n")]);
    assert_eq!(outcome.code, 2, "{}", outcome.said);
    outcome.says(&["nothing to check in", "a.py: is not Python"]);
    assert!(
        !outcome.said.contains("is not configuration that"),
        "{}",
        outcome.said
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_the_output_is_told_and_leaves_no_half_of_a_file() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    for arguments in [["--help"].as_slice(), &["check", "--help"], &["--version"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
        let output = command.args(arguments).stdout(full()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(
            said.contains("cannot write to standard output"),
            "{arguments:?}: {said}"
        );
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("api.yaml"), FAULTY).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
    let output = command
        .arg("init")
        .arg(directory.path())
        .stdout(full())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    // The file is there, so that a second try would fail: it is a success with a note.
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("cofferdam.yaml was written"), "{said}");
    assert!(directory.path().join("cofferdam.yaml").exists());
}
