//! Workloads that are a database of their own: a second pod of one is a second, empty database.

use cofferdam_model::workload::{Container, Workload};

/// Images of servers that do not copy data between pods by themselves, and what they are called.
const PLAIN: &[(&str, &str)] = &[
    ("postgres", "PostgreSQL"),
    ("postgresql", "PostgreSQL"),
    ("postgis", "PostgreSQL"),
    ("timescaledb", "PostgreSQL"),
    ("mysql", "MySQL"),
    ("mysql-server", "MySQL"),
    ("percona-server", "MySQL"),
    ("mariadb", "MariaDB"),
    ("mongo", "MongoDB"),
    ("mongodb", "MongoDB"),
];

/// The database that a workload is, if it is a plain one.
pub(crate) fn database(workload: &Workload) -> Option<&'static str> {
    // A server beside a program (a test database, a cache of one pod) is a part of the pod.
    let listening = |c: &&Container| workload.containers.len() == 1 || !c.ports.is_empty();
    workload
        .containers
        .iter()
        .filter(listening)
        .find_map(|container| {
            let repository = &container.image.as_ref()?.repository;
            let name = repository.rsplit('/').next().unwrap_or_default();
            PLAIN
                .iter()
                .find(|(image, _)| *image == name)
                .map(|(_, what)| *what)
        })
}
