//! PostgreSQL.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;

use crate::process::{Process, command, directory, on_a_port, ports};
use crate::{ROLES, ServerError, find};

/// A PostgreSQL server with one database, `postgres`, and the [`ROLES`]. No password is needed.
#[derive(Debug)]
pub struct Postgres {
    // Dropped in this order: the server stops before its directory is removed.
    process: Process,
    _directory: TempDir,
    port: u16,
}

impl Postgres {
    /// Starts a server with these settings (`("max_connections", "40")`) on top of the defaults.
    ///
    /// # Errors
    /// The program is missing, or it does not start; the message says why.
    pub fn start(settings: &[(&str, &str)]) -> Result<Self, ServerError> {
        Self::start_on(ports(), settings)
    }

    fn start_on(
        ports: impl IntoIterator<Item = Result<u16, ServerError>>,
        settings: &[(&str, &str)],
    ) -> Result<Self, ServerError> {
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
        let create: String = ROLES
            .iter()
            .map(|role| format!("CREATE ROLE {role} LOGIN\n"))
            .collect();
        run(&programs.join("postgres"), &["--single", "-D"], &data, &create)?;
        let (process, port) = on_a_port(ports, |port| {
            let mut server = command(&programs.join("postgres"));
            server.arg("-D").arg(&data).arg("-k").arg(directory.path());
            server.args(["-p", &port.to_string()]);
            server.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
            for (name, value) in settings {
                server.args(["-c", &format!("{name}={value}")]);
            }
            Process::start("postgres", server, "ready to accept connections", "-INT")
        })?;
        Ok(Self {
            process,
            _directory: directory,
            port,
        })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The number of its first process, the postmaster.
    #[must_use]
    pub fn postmaster(&self) -> u32 {
        self.process.id()
    }

    /// The address at which the first of the roles connects.
    #[must_use]
    pub fn url(&self) -> String {
        format!(
            "host=127.0.0.1 port={} user={} dbname=postgres",
            self.port, ROLES[0]
        )
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
    // Debian's link in /usr/bin, if there is one, leads to the directory with the other programs.
    let postgres = std::fs::canonicalize(&postgres).unwrap_or(postgres);
    Ok(postgres.parent().unwrap_or(Path::new("/")).to_path_buf())
}

/// Runs a program to its end on a data directory, with input to read.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

    use std::net::{Ipv4Addr, TcpListener};

    use super::*;
    use crate::PgBouncer;

    #[test]
    fn a_port_taken_in_the_meantime_is_retried() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = || Ok(taken.local_addr().unwrap().port());
        let server = Postgres::start_on([taken()].into_iter().chain(ports()), &[]).unwrap();
        assert_ne!(server.port(), taken().unwrap());
        let pooler = PgBouncer::start_on([taken()].into_iter().chain(ports()), &server, &[]).unwrap();
        let port = format!("port={} ", taken().unwrap());
        assert!(!pooler.url().contains(&port));
        let error = Postgres::start_on([taken()], &[]).unwrap_err();
        assert!(error.to_string().contains("in use"), "{error}");
    }
}
