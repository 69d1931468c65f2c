//! One binary for the tests of the command.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should stop"
)]

mod architecture;
mod broken;
mod canary;
mod command;
mod dependencies;
mod detection;
mod documentation;
mod facts;
mod golden;
mod init;
mod input;
mod laws;
mod messages;
mod overlay;
mod scope;
mod simulate;
mod start;
mod trace;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The built command, without colours of the surrounding terminal.
fn cofferdam() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
    command
        .env_remove("CLICOLOR_FORCE")
        .env_remove("NO_COLOR")
        .env_remove("COLUMNS");
    command
}

/// A directory of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
