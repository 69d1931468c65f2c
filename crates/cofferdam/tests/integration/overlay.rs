//! The command and `cofferdam.yaml`: written once, never overwritten, and refused if it is invalid.

use std::path::Path;
use std::process::{Command, Output};

fn cofferdam(arguments: &[&str], directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cofferdam"))
        .args(arguments)
        .arg(directory)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn platform() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  selector: {matchLabels: {app: api}}\n  \
                    template:\n    metadata: {labels: {app: api}}\n    spec: {containers: [{name: api, image: api:1}]}\n";
    std::fs::write(directory.path().join("api.yaml"), manifest).unwrap();
    directory
}

#[test]
fn init_writes_a_file_that_check_reads_and_never_changes_one() {
    let directory = platform();
    let first = cofferdam(&["init"], directory.path());
    assert!(first.status.success(), "{first:?}");
    let file = directory.path().join("cofferdam.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("services:\n  api:\n"), "{text}");
    assert_ne!(cofferdam(&["check"], directory.path()).status.code(), Some(2));
    let second = cofferdam(&["init"], directory.path());
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("already exists"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let printed = cofferdam(&["init", "--print"], directory.path());
    assert!(printed.status.success());
    assert!(String::from_utf8_lossy(&printed.stdout).starts_with("## "));
}

#[test]
fn a_statement_that_cannot_be_meant_stops_the_check_at_its_line() {
    for (overlay, wanted) in [
        ("version: 1\nservces: {}\n", "did you mean `services`?"),
        (
            "version: 1\nservices: {apy: {processes: 2}}\n",
            "did you mean `api`?",
        ),
        (
            "version: 1\nrules: {single-replca: {enabled: false}}\n",
            "single-replca",
        ),
        ("version: 1\nservices: {\n", "cofferdam.yaml"),
    ] {
        let directory = platform();
        std::fs::write(directory.path().join("cofferdam.yaml"), overlay).unwrap();
        let output = cofferdam(&["check"], directory.path());
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(wanted), "{told}");
        assert!(told.contains("cofferdam.yaml:"), "{told}");
        assert!(output.stdout.is_empty());
    }
}
