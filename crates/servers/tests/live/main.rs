//! The simulator compared with the real servers: the same sequence of visits on both sides.
//!
//! These tests mostly wait. They are in a separate binary, so that nothing else uses the processors while
//! they measure.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod pgbouncer;
mod postgres;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use cofferdam_servers::ServerError;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

/// Tests that mostly wait share it; one that needs the processors has it exclusively.
static PROCESSORS: RwLock<()> = RwLock::new(());

fn shared() -> RwLockReadGuard<'static, ()> {
    PROCESSORS.read().unwrap_or_else(PoisonError::into_inner)
}

fn alone() -> RwLockWriteGuard<'static, ()> {
    PROCESSORS.write().unwrap_or_else(PoisonError::into_inner)
}

/// A runtime on one thread: enough to wait for many connections.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// The server, or the reason why there is none.
fn started<S>(server: Result<S, ServerError>) -> S {
    server.unwrap_or_else(|error| panic!("{error}"))
}

/// Connects; the handle ends when the connection is closed.
async fn connect(url: &str) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let handle = tokio::spawn(async move {
        // The client that uses a connection gets its error.
        let _ = connection.await;
    });
    Ok((client, handle))
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
