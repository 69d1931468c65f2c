//! The words of the command: suggestions, notes, completions, colours of short reports.

use std::path::Path;
use std::process::Output;

use crate::{cofferdam, repository};

/// Standard output and standard error of a run.
fn run(arguments: &[&str]) -> (String, String) {
    texts(&cofferdam().args(arguments).output().unwrap())
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

/// What `check` prints about a directory.
fn check(directory: &Path, arguments: &[&str]) -> String {
    let output = cofferdam()
        .arg("check")
        .arg(directory)
        .args(arguments)
        .output()
        .unwrap();
    texts(&output).0
}

const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'x:latest'}]}\n";

#[test]
fn a_short_report_colours_severity_and_rule_only_on_request() {
    let files = directory(&[("pod.yaml", POD)]);
    let coloured = check(files.path(), &["--quiet", "--color", "always"]);
    assert!(
        coloured.contains("pod.yaml:4:38: \u{1b}[1;33mmedium[image-mutable-tag]\u{1b}[0m: x:latest has"),
        "{coloured}"
    );
    for plain in [&["--quiet"][..], &["--quiet", "--color", "never"]] {
        let plain = check(files.path(), plain);
        assert!(plain.contains("pod.yaml:4:38: medium[image-mutable-tag]: x:latest has"));
        assert!(!plain.contains('\u{1b}'), "{plain}");
    }
}

#[test]
fn completions_offer_rules_and_scenarios() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (text, _) = run(&["completions", shell]);
        assert!(text.contains("simulate"), "{shell}");
        // Elvish and PowerShell complete no values.
        let offers_values = ["bash", "fish", "zsh"].contains(&shell);
        for name in ["pooler-overcommit", "connection-storm"] {
            assert_eq!(text.contains(name), offers_values, "{shell}: {name}");
        }
    }
}

#[test]
fn explain_prints_the_page_of_a_scenario() {
    let (page, _) = run(&["explain", "connection-storm"]);
    assert!(page.starts_with("# connection-storm\n"), "{page}");
}

#[test]
fn explain_suggests_the_nearest_rule_or_scenario() {
    for (name, message) in [
        (
            "conection-storm",
            "error: there is no rule or scenario `conection-storm`; did you mean the scenario `connection-storm`? `cofferdam rules` lists the rules, `cofferdam simulate --list` the scenarios\n",
        ),
        (
            "single-replic",
            "error: there is no rule or scenario `single-replic`; did you mean the rule `single-replica`? `cofferdam rules` lists the rules, `cofferdam simulate --list` the scenarios\n",
        ),
        (
            "zzz",
            "error: there is no rule or scenario `zzz`; `cofferdam rules` lists the rules, `cofferdam simulate --list` the scenarios\n",
        ),
    ] {
        assert_eq!(run(&["explain", name]).1, message);
    }
}

#[test]
fn a_comment_for_an_unknown_rule_is_reported_with_the_nearest_rule() {
    let text = POD.replace("{name: p}", "{name: p} # cofferdam: ignore[singel-replica] alone");
    let files = directory(&[("pod.yaml", &text)]);
    let text = check(files.path(), &[]);
    assert!(
        text.contains(
            "note: no such rule `singel-replica`, did you mean `single-replica`?\n --> pod.yaml:3:21\n"
        ),
        "{text}"
    );
}

#[test]
fn a_statement_on_the_command_line_is_refused_in_its_own_words() {
    let example = repository("examples/clean-platform").display().to_string();
    let problem = "error: --set has 1 problem; nothing was checked";
    for (statement, place, message) in [
        (
            "a.b=c",
            " --> --set:1:1",
            "unknown key `a` at the top level; known here: cells, ",
        ),
        (
            "services.nope.requests_per_second=5",
            " --> --set:2:3",
            "no service is called `nope`; check the name",
        ),
        (
            "services.data-collector.requests_per_second=fast",
            " --> --set:3:28",
            "must be a number a second, 0 or more, not `fast`",
        ),
    ] {
        let (_, error) = run(&["simulate", &example, "--set", statement]);
        for part in [message, place, problem] {
            assert!(error.contains(part), "{statement}: {part}\n{error}");
        }
    }
    let (_, error) = run(&["simulate", &example, "--set", "nonsense"]);
    assert_eq!(
        error,
        "error: `nonsense` is not a statement; write FACT=VALUE, as in services.api.requests_per_second=7000 (`cofferdam facts PATH --missing` lists the facts)\n"
    );
}

#[test]
fn verbose_lists_the_skipped_files() {
    let files = directory(&[("pod.yaml", POD), ("notes.yaml", "a note: 1\n")]);
    let brief = check(files.path(), &[]);
    assert!(
        brief.contains("besides: 1 file skipped (no configuration)\n"),
        "{brief}"
    );
    let verbose = check(files.path(), &["--verbose"]);
    assert!(
        verbose.contains("skipped (no configuration):\n    - notes.yaml\n"),
        "{verbose}"
    );
}

#[test]
fn one_command_that_installs_a_chart_is_counted_in_the_singular() {
    let script = |n: usize| format!("d{n}.sh");
    for (count, words) in [(1, "1 helm command"), (2, "2 helm commands")] {
        let names: Vec<String> = (0..count).map(script).collect();
        let mut files = vec![("pod.yaml", POD)];
        files.extend(
            names
                .iter()
                .map(|name| (name.as_str(), "helm install web example/web\n")),
        );
        let text = check(directory(&files).path(), &[]);
        assert!(text.contains(&format!(" Kubernetes, {words})\n")), "{text}");
    }
}

#[test]
fn a_finding_with_several_places_names_the_others() {
    let text = check(
        &repository("examples/clean-platform"),
        &["--rule", "failover-overload"],
    );
    assert!(
        text.contains(
            "= also at: k8s/base/cell-router/routing-config.yaml:9:15, grandcentral-enhanced.yml:115:15\n"
        ),
        "{text}"
    );
}

#[test]
fn an_open_scope_is_named_at_the_end() {
    let files = directory(&[("pod.yaml", POD), ("d.sh", "helm install redis example/redis\n")]);
    let text = check(files.path(), &[]);
    let open =
        "open: the chart redis of example (release redis) was not read (d.sh); missing things may be there\n";
    assert!(text.contains(open), "{text}");
}

#[test]
fn a_page_is_named_by_its_command_and_an_address_only_if_somebody_sets_one() {
    let run = |arguments: &[&str]| {
        let mut command = cofferdam();
        command.args(arguments).current_dir(repository(""));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let platform = "examples/clean-platform";
    let check = ["check", platform, "--rule", "failover-overload"];
    let simulate = ["simulate", platform, "--scenario", "cell-failover", "--runs", "1"];
    for (verb, page, address) in [
        (
            &check[..],
            "= page: cofferdam explain failover-overload",
            "/rules/failover-overload.md",
        ),
        (
            &simulate[..],
            "page: cofferdam explain cell-failover",
            "/scenarios/cell-failover.md",
        ),
    ] {
        let (_, words) = run(verb);
        assert!(words.contains(&format!("{page}\n")), "{words}");
        assert!(
            !words.contains("http://") && !words.contains("https://"),
            "{words}"
        );
        let (_, words) = run(&[verb, &["--docs-url", "https://docs.example.org/cofferdam/"]].concat());
        let both = format!("{page}, https://docs.example.org/cofferdam{address}\n");
        assert!(words.contains(&both), "{words}");
    }
    // What the line says works.
    for name in ["failover-overload", "cell-failover"] {
        let (code, words) = run(&["explain", name]);
        assert_eq!(code, Some(0));
        assert!(words.starts_with("# "), "{words}");
    }
    assert_eq!(
        run(&[&check[..], &["--docs-url", "https://user:word@example.org"]].concat()).0,
        Some(2)
    );
}
