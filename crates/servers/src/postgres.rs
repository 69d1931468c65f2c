//! PostgreSQL.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;

use crate::process::{Process, command, directory, free_port};
use crate::{ServerError, find};

/// The role that is no superuser and may log in.
const ROLE: &str = "app";

/// A PostgreSQL server with one database, `postgres`, and a role `app` that is no superuser. Nobody needs a password.
#[derive(Debug)]
pub struct Postgres {
    // Dropped in this order: the server stops before its directory goes.
    _process: Process,
    _directory: TempDir,
    port: u16,
}

impl Postgres {
    /// Starts a server with these settings (`("max_connections", "40")`) on top of the defaults.
    ///
    /// # Errors
    /// The program is missing, or it does not start; the message says why.
    pub fn start(settings: &[(&str, &str)]) -> Result<Self, ServerError> {
        let programs = programs()?;
        let directory = directory()?;
        let data = directory.path().join("data");
        run(
            &programs.join("initdb"),
            &[
                "-U",
                "admin",
                "-A",
                "trust",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C",
                "-D",
            ],
            &data,
            "",
        )?;
        let create = format!("CREATE ROLE {ROLE} LOGIN\n");
        run(&programs.join("postgres"), &["--single", "-D"], &data, &create)?;
        let port = free_port()?;
        let mut server = command(&programs.join("postgres"));
        server
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(directory.path())
            .args(["-p", &port.to_string()]);
        server.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
        for (name, value) in settings {
            server.args(["-c", &format!("{name}={value}")]);
        }
        let process = Process::start("postgres", server, "ready to accept connections", "-INT")?;
        Ok(Self {
            _process: process,
            _directory: directory,
            port,
        })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Where the role that is no superuser connects.
    #[must_use]
    pub fn url(&self) -> String {
        format!("host=127.0.0.1 port={} user={ROLE} dbname=postgres", self.port)
    }
}

/// The directory of the newest version's programs.
fn programs() -> Result<PathBuf, ServerError> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    versions.sort();
    let places: Vec<PathBuf> = versions
        .iter()
        .rev()
        .map(|(_, bin)| bin.join("postgres"))
        .collect();
    let postgres = find("postgres", &places)?;
    // Debian's link in /usr/bin, if any, leads to the directory with the other programs.
    let postgres = std::fs::canonicalize(&postgres).unwrap_or(postgres);
    Ok(postgres.parent().unwrap_or(Path::new("/")).to_path_buf())
}

/// Runs a program to its end on a data directory, with something to read.
fn run(program: &Path, arguments: &[&str], data: &Path, input: &str) -> Result<(), ServerError> {
    let what = || format!("cannot run {}", program.display());
    let mut single = command(program);
    single.args(arguments).arg(data);
    if !input.is_empty() {
        single.arg("postgres");
    }
    let mut child = single
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(ServerError::io(what()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin
            .write_all(input.as_bytes())
            .map_err(ServerError::io(what()))?;
    }
    let output = child.wait_with_output().map_err(ServerError::io(what()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(ServerError::Ended {
        program: "postgres",
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
