//! Real servers for tests: PostgreSQL and PgBouncer, each in a temporary directory on a free port of the
//! loopback interface, stopped and removed when the value is dropped, even if a test panics.
//!
//! A simulation is evidence only if it agrees with the real system; this crate starts the real system. A
//! missing program is an error that explains how to install it, never a skipped test.

mod pgbouncer;
mod postgres;
mod process;

use std::io;
use std::path::PathBuf;

pub use pgbouncer::PgBouncer;
pub use postgres::Postgres;

/// Roles that are not superusers and may log in without a password.
pub const ROLES: [&str; 4] = ["app", "app1", "app2", "app3"];

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The program is not installed.
    #[error("{program} is not installed; `make servers` installs it (looked in {looked})")]
    Missing {
        /// Its name.
        program: &'static str,
        /// Where it was looked for.
        looked: String,
    },
    /// A file or process could not be created.
    #[error("{what}: {source}")]
    Io {
        /// The attempted action.
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("{program} ended before it was ready; it said:\n{said}")]
    Ended {
        /// Its name.
        program: &'static str,
        /// The last lines of its log.
        said: String,
    },
}

impl ServerError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// The first of some paths that exists; for a bare name, the directories of PATH are searched as well.
fn find(program: &'static str, places: &[PathBuf]) -> Result<PathBuf, ServerError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|directory| directory.join(program));
    places
        .iter()
        .cloned()
        .chain(on_path)
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| ServerError::Missing {
            program,
            looked: places
                .iter()
                .map(|p| p.display().to_string())
                .chain(["PATH".to_owned()])
                .collect::<Vec<_>>()
                .join(", "),
        })
}
