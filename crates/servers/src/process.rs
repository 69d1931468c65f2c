//! A server's process: started as a user other than root, ready when its log says so, stopped when dropped.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use crate::ServerError;

/// The user that servers run as if the test runs as root; they refuse to run as root.
const USER: &str = "postgres";
/// How many lines of the log are kept for an error message.
const KEPT: usize = 40;
/// How many ports are tried.
const TRIES: usize = 5;
/// What the log contains if a port is taken: the system's words for `EADDRINUSE`.
const TAKEN: &str = "Address already in use";
/// A server that is not ready by then counts as failed.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// A server that has not stopped by then is killed.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// Whether this process runs as root. The owner of `/proc/self` is its effective user.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// A command that does not run as root.
pub(crate) fn command(program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", USER, "--regid", USER, "--clear-groups"])
            .arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// A new temporary directory that the server's user owns.
pub(crate) fn directory() -> Result<tempfile::TempDir, ServerError> {
    let directory = tempfile::Builder::new()
        .prefix("cofferdam-")
        .tempdir()
        .map_err(ServerError::io("a temporary directory"))?;
    own(directory.path())?;
    Ok(directory)
}

/// Gives a path to the server's user.
pub(crate) fn own(path: &Path) -> Result<(), ServerError> {
    if !is_root() {
        return Ok(());
    }
    let done = Command::new("chown")
        .arg("-R")
        .arg(format!("{USER}:"))
        .arg(path)
        .status()
        .map_err(ServerError::io("chown"))?;
    if done.success() {
        return Ok(());
    }
    Err(ServerError::Ended {
        program: "chown",
        said: format!("cannot give {} to the user {USER}", path.display()),
    })
}

/// A port that is free now. Another process can take it before a server does: see [`on_a_port`].
fn free_port() -> Result<u16, ServerError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(ServerError::io("a free port"))?;
    Ok(listener
        .local_addr()
        .map_err(ServerError::io("a free port"))?
        .port())
}

/// Ports to try, one after the other.
pub(crate) fn ports() -> impl Iterator<Item = Result<u16, ServerError>> {
    std::iter::repeat_with(free_port).take(TRIES)
}

/// Starts a server on the first of some ports that no other process takes first.
pub(crate) fn on_a_port(
    ports: impl IntoIterator<Item = Result<u16, ServerError>>,
    mut start: impl FnMut(u16) -> Result<Process, ServerError>,
) -> Result<(Process, u16), ServerError> {
    let mut last = ServerError::Ended {
        program: "no server",
        said: "no port was left to try".into(),
    };
    for port in ports {
        let port = port?;
        match start(port) {
            Ok(process) => return Ok((process, port)),
            Err(ServerError::Ended { program, said }) if said.contains(TAKEN) => {
                last = ServerError::Ended { program, said };
            }
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Signal that asks it to stop quickly.
    stop: &'static str,
    /// Ends when the server's log ends, which is when it has stopped.
    log_ended: mpsc::Receiver<()>,
}

impl Process {
    /// Its process id, which is the server's own: the program that starts it as another user replaces itself
    /// with it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Starts a server and waits until a line of its log contains `ready`.
    pub(crate) fn start(
        program: &'static str,
        mut command: Command,
        ready: &'static str,
        stop: &'static str,
    ) -> Result<Self, ServerError> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(ServerError::io(format!("cannot start {program}")))?;
        let log = child.stderr.take();
        let said = Arc::new(Mutex::new(VecDeque::new()));
        let (send, receive) = mpsc::channel();
        let (ended, log_ended) = mpsc::channel::<()>();
        if let Some(log) = log {
            let said = Arc::clone(&said);
            // It reads to the end, so that the server never blocks on its log.
            std::thread::spawn(move || {
                // Dropped with this thread; that is the signal.
                let _ended = ended;
                for line in BufReader::new(log).lines().map_while(Result::ok) {
                    if line.contains(ready) {
                        // After the first time nothing listens any more.
                        let _ = send.send(());
                    }
                    let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                    said.push_back(line);
                    if said.len() > KEPT {
                        said.pop_front();
                    }
                }
            });
        }
        let process = Self {
            child,
            stop,
            log_ended,
        };
        // The sender is dropped when the log ends, which is when the server does.
        if receive.recv_timeout(READY_WITHIN).is_ok() {
            return Ok(process);
        }
        let said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let said = said.iter().cloned().collect::<Vec<_>>().join("\n");
        Err(ServerError::Ended { program, said })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let asked = Command::new("kill")
            .arg(self.stop)
            .arg(self.child.id().to_string())
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            // It has already stopped, or cannot be signalled.
            let _ = self.child.kill();
        }
        if let Err(mpsc::RecvTimeoutError::Timeout) = self.log_ended.recv_timeout(STOPS_WITHIN) {
            // It does not stop when signalled.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
