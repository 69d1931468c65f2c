//! The crates of the workspace, as Cargo sees them.

use std::path::PathBuf;
use std::process::Command;

use crate::repository;

/// A crate of the workspace.
pub(super) struct Package {
    /// Its name.
    pub name: String,
    /// Its root file (`src/lib.rs` or `src/main.rs`).
    pub root: PathBuf,
    /// Crates of the workspace that it uses when it is built; its tests may use any.
    pub uses: Vec<String>,
}

/// All of them.
pub(super) fn all() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(repository("."))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages: Vec<Package> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(package)
        .collect();
    assert!(packages.len() > 5, "Cargo names no crates");
    packages
}

fn package(value: &serde_json::Value) -> Package {
    let root = value["targets"]
        .as_array()
        .unwrap()
        .iter()
        .find(|target| matches!(target["kind"][0].as_str(), Some("lib" | "bin")))
        .unwrap();
    let uses = value["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        // Crates of the workspace have a path; the kind of an ordinary dependency is null.
        .filter(|dependency| dependency["path"].is_string() && dependency["kind"] != "dev")
        .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
        .collect();
    Package {
        name: value["name"].as_str().unwrap().to_owned(),
        root: root["src_path"].as_str().unwrap().into(),
        uses,
    }
}
