//! PgBouncer in front of PostgreSQL.

use std::fmt::Write;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::process::{Process, command, directory, on_a_port, own, ports};
use crate::{Postgres, ROLES, ServerError, find};

/// A PgBouncer that pools connections to a PostgreSQL server. No password is needed.
#[derive(Debug)]
pub struct PgBouncer {
    // Dropped in this order: the server stops before its directory is removed.
    _process: Process,
    _directory: TempDir,
    port: u16,
}

impl PgBouncer {
    /// Starts one in front of `server`, with these settings of its section `pgbouncer` (`("pool_mode", "transaction")`).
    ///
    /// # Errors
    /// The program is missing, or it does not start; the message says why.
    pub fn start(server: &Postgres, settings: &[(&str, &str)]) -> Result<Self, ServerError> {
        Self::start_on(ports(), server, settings)
    }

    pub(crate) fn start_on(
        ports: impl IntoIterator<Item = Result<u16, ServerError>>,
        server: &Postgres,
        settings: &[(&str, &str)],
    ) -> Result<Self, ServerError> {
        let program = find("pgbouncer", &[PathBuf::from("/usr/sbin/pgbouncer")])?;
        let directory = directory()?;
        let users = directory.path().join("users.txt");
        let configuration = directory.path().join("pgbouncer.ini");
        let names: String = ROLES.iter().map(|name| format!("\"{name}\" \"\"\n")).collect();
        std::fs::write(&users, names).map_err(ServerError::io("users.txt"))?;
        let (process, port) = on_a_port(ports, |port| {
            let mut text = format!(
                "[databases]\n* = host=127.0.0.1 port={}\n\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
                 unix_socket_dir =\nauth_type = trust\nauth_file = {}\nignore_startup_parameters = extra_float_digits\n",
                server.port(),
                users.display()
            );
            for (name, value) in settings {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{name} = {value}");
            }
            std::fs::write(&configuration, text).map_err(ServerError::io("pgbouncer.ini"))?;
            own(directory.path())?;
            let mut start = command(&program);
            start.arg(&configuration);
            Process::start("pgbouncer", start, "process up", "-TERM")
        })?;
        Ok(Self {
            _process: process,
            _directory: directory,
            port,
        })
    }

    /// The address at which the first of the roles connects.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(ROLES[0])
    }

    /// The address at which a role connects.
    #[must_use]
    pub fn url_of(&self, role: &str) -> String {
        format!("host=127.0.0.1 port={} user={role} dbname=postgres", self.port)
    }
}
