//! The command as its users see it: help, exit codes, filters, colours, machine-readable output.

use crate::{cofferdam, repository};
use std::io::Read;
use std::process::{Output, Stdio};

const EXAMPLE: &str = "examples/clean-platform";

fn run(arguments: &[&str]) -> Output {
    cofferdam().args(arguments).output().unwrap()
}

fn check(arguments: &[&str]) -> Output {
    cofferdam()
        .arg("check")
        .arg(repository(EXAMPLE))
        .args(arguments)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn every_subcommand_has_help_with_an_example() {
    for subcommand in [
        "check",
        "simulate",
        "init",
        "facts",
        "rules",
        "explain",
        "completions",
    ] {
        let output = run(&[subcommand, "--help"]);
        assert!(output.status.success());
        assert!(
            stdout(&output).contains(&format!("cofferdam {subcommand}")),
            "{subcommand}"
        );
        assert!(stdout(&output).contains("Example"), "{subcommand} has no example");
    }
    assert!(stdout(&run(&["--help"])).contains("Exit codes"));
}

#[test]
fn the_readmes_output_is_what_check_prints() {
    let readme = std::fs::read_to_string(repository("README.md")).unwrap();
    let shown = readme
        .split("```text\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let output = cofferdam()
        .current_dir(repository("."))
        .args(["check", EXAMPLE])
        .output()
        .unwrap();
    let printed = stdout(&output);
    // Two findings and the end: the rest is left out at the mark.
    for part in shown.split("\n\n").filter(|part| part.trim() != "[…]") {
        assert!(printed.contains(part.trim()), "no longer printed:\n{part}");
    }
}

#[test]
fn exit_codes_distinguish_findings_from_usage_errors() {
    assert_eq!(check(&[]).status.code(), Some(1));
    assert_eq!(check(&["--rule", "memory-limit-missing"]).status.code(), Some(0));
    assert_eq!(check(&["--rule", "no-such-rule"]).status.code(), Some(2));
    assert_eq!(check(&["--environment", "moon"]).status.code(), Some(2));
    assert_eq!(check(&["--min-severity", "terrible"]).status.code(), Some(2));
    assert_eq!(run(&["check", "/no/such/path"]).status.code(), Some(2));
    let only_low = ["--rule", "replicas-together"];
    assert_eq!(check(&only_low).status.code(), Some(1));
    assert_eq!(
        check(&[only_low[0], only_low[1], "--fail-on", "high"])
            .status
            .code(),
        Some(0)
    );
}

#[test]
fn a_misspelt_name_gets_a_suggestion() {
    let output = check(&["--rule", "pooler-overcomit"]);
    assert!(
        stderr(&output).contains("did you mean `pooler-overcommit`"),
        "{}",
        stderr(&output)
    );
    let output = check(&["--environment", "moon"]);
    assert!(
        stderr(&output).contains("development, production, staging"),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&run(&["explain", "nothing-like-it"])).contains("cofferdam rules"));
    assert!(stderr(&run(&["check", "/no/such/path"])).contains("/no/such/path"));
}

#[test]
fn filters_say_what_they_left_out() {
    let all = stdout(&check(&["--quiet"]));
    let high = stdout(&check(&["--quiet", "--min-severity", "high"]));
    assert!(high.lines().count() < all.lines().count());
    assert!(!high.contains(": medium[") && high.contains("below the requested severity"));
    let one = stdout(&check(&["--rule", "failover-overload", "--quiet"]));
    assert_eq!(one.matches("failover-overload").count(), 2);
    let long = stdout(&check(&["--environment", "production", "--quiet"]));
    let short = stdout(&check(&["--environment", "prod", "--quiet"]));
    assert_eq!(long, short, "`prod` is `production`");
    assert!(long.contains("environments: production\n"));
}

#[test]
fn pipes_and_no_color_get_no_colours_and_always_means_always() {
    assert!(!stdout(&check(&[])).contains('\u{1b}'));
    assert!(stdout(&check(&["--color", "always"])).contains('\u{1b}'));
    let forced = cofferdam()
        .arg("check")
        .arg(repository(EXAMPLE))
        .env("CLICOLOR_FORCE", "1")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(!stdout(&forced).contains('\u{1b}'));
}

#[test]
fn the_same_input_gives_the_same_bytes_with_any_number_of_threads() {
    for format in [
        &["--format", "text"][..],
        &["--format", "text", "--verbose"],
        &["--format", "json"],
    ] {
        let with = |threads: &str| {
            cofferdam()
                .arg("check")
                .arg(repository(EXAMPLE))
                .args(format)
                .env("RAYON_NUM_THREADS", threads)
                .output()
                .unwrap()
                .stdout
        };
        let first = with("1");
        assert!(first.len() > 10_000);
        assert_eq!(first, with("2"), "{format:?}");
        assert_eq!(first, with("2"), "{format:?}");
    }
}

#[test]
fn verbose_shows_what_the_values_passed_through() {
    let hpa = "k8s/base/data-collector/hpa.yaml:12 came through ";
    let way = "k8s/base/data-collector/kustomization.yaml:6 (included), k8s/base/kustomization.yaml:6 (included), \
               k8s/overlays/production/kustomization.yaml:4 (included)";
    let shown = |arguments: &[&str]| {
        let text = stdout(&check(arguments));
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let verbose = shown(&["--verbose"]);
    assert!(verbose.contains(&format!("= through: {hpa}{way}")), "{verbose}");
    assert!(!shown(&[]).contains("= through:"));
}

#[test]
fn rules_and_pages_can_be_listed_and_read() {
    let list = stdout(&run(&["rules"]));
    assert!(list.contains("kafka-idle-members") && list.contains("Delivery"));
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&run(&["rules", "--format", "json"]))).unwrap();
    assert!(json.as_array().unwrap().len() >= 60);
    assert!(stdout(&run(&["explain", "kafka-idle-members"])).starts_with("# kafka-idle-members\n"));
}

#[test]
fn completions_exist_for_common_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert!(
            output.status.success() && stdout(&output).contains("cofferdam"),
            "{shell}"
        );
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = cofferdam()
        .arg("check")
        .arg(repository(EXAMPLE))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdout.take().unwrap();
    let mut first = [0; 16];
    pipe.read_exact(&mut first).unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    assert_eq!(stderr(&output), "");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn no_format_ever_shows_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let secret = "xK9mQ2vL7pWz4RtB8nJ";
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: api}}\nspec:\n  containers:\n    - name: api\n      image: registry.example.net/api:1\n      \
         env: [{{name: DATABASE_PASSWORD, value: \"{secret}\"}}]\n"
    );
    std::fs::write(directory.path().join("pod.yaml"), manifest).unwrap();
    for arguments in [vec![], vec!["--quiet"], vec!["--format", "json"]] {
        let output = cofferdam()
            .arg("check")
            .arg(directory.path())
            .args(&arguments)
            .output()
            .unwrap();
        let text = stdout(&output);
        assert!(text.contains("secret-in-clear"), "{arguments:?}: {text}");
        assert!(!text.contains(secret), "{arguments:?}");
    }
}
